//! KiwiVM: 45 calls, all `POST` with a form body.
use super::*;
shapes! {
    /// A test.
    Probe {
        /// Doc.
        a: Bytes,
        b: [Text] | null | absent since "9.4.0",
    }
}
rows! { Service::KiwiVm;
    /// Plan.
    read POST "/getServiceInfo" get_service_info(x: Int, @query y: [Int], #{z: Text}) -> Probe { group: "info" }
    /// Plan.
    read POST "/getServiceInfo" other() -> (Page Probe) { group: "info" }
}
