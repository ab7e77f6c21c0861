//! PBH.
use super::*;
shapes! {
    /// A test.
    Probe {
        /// Doc.
        a: Bytes,
        b: [Text] | null | absent since "9.4.0",
    }
}
rows! { Service::Pbh;
    /// Plan.
    read POST "/getServiceInfo" get_service_info(x: Int, @query y: [Int], #{z: Text}) -> Probe { group: "info" }
    /// Plan.
    read POST "/getServiceInfo" other() -> (Page Probe) { group: "info" }
}
