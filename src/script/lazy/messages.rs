//! The messages of a stream, as they come.

use rhai::Dynamic;

use super::Lazy;
use crate::client::{Span, Stream};
use crate::error::Result;
use crate::recorder;
use crate::script::bind::Reading;
use crate::script::std::fleet;
use crate::script::value::Values;
use crate::time::Duration;

/// What a stream leaves of a run's time: the script should be able to do something with what it got.
const SPARE: Duration = Duration::from_seconds(1);

/// One way through a stream. It is opened when the first message is wanted, and closed when this is dropped.
pub(super) struct Messages {
    lazy: Lazy,
    reading: Reading,
    stream: Option<Stream>,
    over: bool,
}

impl Messages {
    pub(super) fn new(lazy: Lazy, reading: Reading) -> Self {
        Self { lazy, reading, stream: None, over: false }
    }

    /// The next message; nothing where there are enough, the time is over, or the server has no more.
    pub(super) fn next(&mut self) -> Result<Option<Dynamic>> {
        if self.over {
            return Ok(None);
        }
        let Lazy { run, row, instance, args, .. } = &self.lazy;
        let place = |error: crate::error::Error| error.from_call(row.service.name(), row.id);
        if self.stream.is_none() {
            let client = fleet::client(run, row.service, &instance.name)?;
            let talk = run.talk();
            let last = (run.deadline() - SPARE).max(talk.now());
            let span = Span { until: last.min(talk.now() + self.reading.duration), most: self.reading.limit };
            let opened = run.wait(row.id, recorder::follow_row(&client, row, args, span, &talk));
            self.stream = Some(opened.map_err(place)?);
        }
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let message = run.wait(row.id, stream.next()).map_err(place)?;
        self.over = message.is_none();
        let values = &mut Values { masker: &run.host.masker };
        message.map(|message| message.decode(values)).transpose().map_err(place)
    }
}
