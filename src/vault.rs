//! Under construction.

use std::sync::Arc;

/// The environment, as an argument.
pub type Env = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;
