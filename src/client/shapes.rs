//! What the clients tell of themselves.

use crate::api::shapes;

shapes! {
    /// What is known of KiwiVM's allowance of API calls, without asking.
    Allowance {
        /// `()` where `get_rate_limit_status` was not asked in the last 15 minutes.
        remaining_points_15min: Int | null,
        /// `()` where `get_rate_limit_status` was not asked in the last 24 hours.
        remaining_points_24h: Int | null,
        /// When it was asked.
        as_of: Millis | null,
        /// What tidegate itself has sent in the last 15 minutes.
        calls_15min: Int,
        /// Until when nothing is sent, because the allowance is spent.
        resting: Millis | null,
    }
}
