//! The lines as they are written, for whoever looks on, and the last of them for whoever comes late.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::broadcast::{self, Receiver, Sender};

use super::{Level, Line, lock};

/// The live log of a process.
pub struct Live {
    /// Lines of [`Level::Info`] and above, the newest last.
    kept: Mutex<VecDeque<Arc<Line>>>,
    sender: Sender<Arc<Line>>,
}

impl Live {
    /// Lines that are kept.
    const KEPT: usize = 1000;
    /// Lines that one who looks on may be behind; then some are lost to them.
    const BEHIND: usize = 4096;

    pub fn pass(&self, line: Line) {
        let mut kept = lock(&self.kept);
        let line = Arc::new(line);
        if line.level >= Level::Info {
            if kept.len() >= Self::KEPT {
                kept.pop_front();
            }
            kept.push_back(Arc::clone(&line));
        }
        // Under the lock, so that nobody who begins to look on misses a line or is given one twice.
        let _ = self.sender.send(line);
    }

    /// Whatever is written from now on.
    pub fn follow(&self) -> Receiver<Arc<Line>> {
        self.sender.subscribe()
    }

    /// What is kept, and whatever is written from then on.
    pub fn since(&self) -> (Vec<Arc<Line>>, Receiver<Arc<Line>>) {
        let kept = lock(&self.kept);
        (kept.iter().cloned().collect(), self.sender.subscribe())
    }
}

impl Default for Live {
    fn default() -> Self {
        Self { kept: Mutex::default(), sender: broadcast::channel(Self::BEHIND).0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    #[test]
    fn who_comes_late_is_given_the_last_lines_and_then_every_line_once() {
        let live = Live::default();
        let line = |n: usize, level| Line::new(Time::from_seconds(0), level, "log", n.to_string());
        for n in 0..Live::KEPT + 5 {
            live.pass(line(n, Level::Info));
        }
        live.pass(line(9999, Level::Debug));
        let (kept, mut next) = live.since();
        assert_eq!((kept.len(), kept[0].message.as_str()), (Live::KEPT, "5"), "and no line of a request");
        live.pass(line(7, Level::Debug));
        assert_eq!(next.try_recv().unwrap().message, "7");
        assert!(next.try_recv().is_err());
    }
}
