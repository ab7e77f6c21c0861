//! Messages to people: every provider as its documentation describes it, what holds a message back, what follows
//! it, and what tidegate says on its own account.

pub mod post;
mod policies;
mod providers;
mod runtime;
mod smtp;
