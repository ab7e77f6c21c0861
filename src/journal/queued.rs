//! Lines on their way to a reader who may not read: the program goes on, and what had no room is counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Journal, Level, Line};
use crate::language::Language;
use crate::text::count;

/// Lines that wait for their reader.
const ROOM: usize = 10_000;

/// Passes lines on to another journal, on a thread of its own: a pipe that nobody reads holds up that thread and nothing
/// else. Where too many wait, new ones are dropped and counted, and their number is told as soon as there is room.
pub struct Queued {
    lines: Mutex<Option<SyncSender<Line>>>,
    dropped: Arc<AtomicU64>,
    language: Language,
    /// Told once everything was passed on.
    done: Mutex<Receiver<()>>,
}

impl Queued {
    /// # Errors
    /// Where the system gives no thread.
    pub fn new(journal: impl Journal + 'static) -> std::io::Result<Self> {
        Self::with_room(journal, ROOM)
    }

    fn with_room(journal: impl Journal + 'static, room: usize) -> std::io::Result<Self> {
        let language = journal.language();
        let (lines, waiting) = sync_channel::<Line>(room);
        let (tell, done) = channel();
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        thread::Builder::new().name("journal".into()).spawn(move || {
            for line in waiting {
                journal.write(&line);
                let n = lost.swap(0, Ordering::Relaxed);
                if n > 0 {
                    let message = format!(
                        "{} of the log dropped: nobody read it",
                        count(usize::try_from(n).unwrap_or(usize::MAX), "line")
                    );
                    journal.write(&Line::new(line.ts, Level::Warn, "warning", message).with("dropped", n));
                }
            }
            let _ = tell.send(());
        })?;
        Ok(Self { lines: Mutex::new(Some(lines)), dropped, language, done: Mutex::new(done) })
    }

    /// Takes no more lines, and waits until those that wait were passed on; at most so long.
    pub fn finish(&self, most: Duration) {
        drop(self.lines.lock().unwrap_or_else(PoisonError::into_inner).take());
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = done.recv_timeout(most);
    }
}

impl Journal for Queued {
    fn write(&self, line: &Line) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lines) = lines.as_ref() else { return };
        if let Err(TrySendError::Full(_)) = lines.try_send(line.clone()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn language(&self) -> Language {
        self.language
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;

    use super::*;
    use crate::time::Time;

    /// Takes a line each time it may.
    struct Slow {
        may: Mutex<Receiver<()>>,
        took: Mutex<Sender<String>>,
    }

    impl Journal for Slow {
        fn write(&self, line: &Line) {
            let _ = self.may.lock().unwrap().recv();
            let _ = self.took.lock().unwrap().send(line.message.clone());
        }
    }

    #[test]
    fn a_reader_who_does_not_read_holds_up_nobody_and_is_told_what_it_missed() {
        let (may, wait) = channel();
        let (tell, took) = channel();
        let queued = Queued::with_room(Slow { may: Mutex::new(wait), took: Mutex::new(tell) }, 3).unwrap();
        let line = |n: usize| Line::new(Time::from_seconds(0), Level::Info, "log", n.to_string());
        // One may be with the reader already, three wait; the others have no room.
        for n in 0..100 {
            queued.write(&line(n));
        }
        (0..20).for_each(|_| may.send(()).unwrap());
        queued.finish(Duration::from_secs(20));
        let took: Vec<_> = took.try_iter().collect();
        assert_eq!(took[0], "0");
        let told: u64 = took
            .iter()
            .filter_map(|text| text.strip_suffix(" lines of the log dropped: nobody read it")?.parse::<u64>().ok())
            .sum();
        let read = took.iter().filter(|text| text.parse::<usize>().is_ok()).count();
        assert_eq!(read as u64 + told, 100, "{took:?}");
        assert!(told >= 96, "{took:?}");
        // After its end it takes nothing, and nothing breaks.
        queued.write(&line(100));
    }
}
