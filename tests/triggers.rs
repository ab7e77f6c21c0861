//! What makes a trigger fire, beside a schedule: times of its own, things that happen, requests, files; and what
//! keeps it from firing.

mod asked;
mod files;
mod once;
mod options;
mod polled;
mod switch;
mod told;
mod webhooks;
