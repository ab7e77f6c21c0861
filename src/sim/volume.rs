//! Amounts of traffic, and parts of a whole.

/// Bytes to three decimals: a rate times milliseconds, without rounding.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Volume(u64);

impl Volume {
    pub const fn new(bytes: u64) -> Self {
        Self(bytes.saturating_mul(1000))
    }

    pub const fn bytes(self) -> u64 {
        self.0 / 1000
    }

    /// Adds what flows in so many milliseconds at so many bytes per second.
    pub const fn flow(&mut self, rate: u64, millis: u64) {
        self.0 = self.0.saturating_add(rate.saturating_mul(millis));
    }

    /// How long until it reaches `goal` at this rate, in milliseconds; never at none.
    pub const fn millis_to(self, goal: Self, rate: u64) -> Option<u64> {
        if rate == 0 || self.0 >= goal.0 { None } else { Some((goal.0 - self.0).div_ceil(rate)) }
    }
}

/// A part of a whole, 0 to 1; a whole of nothing is complete.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more than a float has")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// A share of a whole.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a size, rounded"
)]
pub(super) fn part(whole: u64, share: f64) -> u64 {
    (whole as f64 * share.clamp(0.0, 1.0)).round() as u64
}
