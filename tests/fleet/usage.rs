//! Readings of the allowance, and what stands in while there are none.

use tidegate::error::Kind;
use tidegate::sim::{Fault, Trouble};
use tidegate::usage::{data_usage, last};

use super::rig::{demo, run};

#[test]
fn the_last_reading_stands_in_for_half_an_hour() {
    demo(|rig| async move {
        let (vps, store) = (rig.vps(), &rig.host.store);
        let read = async |fresh| data_usage(&vps, store, fresh, &rig.talk()).await;
        let first = read(false).await.unwrap();
        assert!((first.percent - rig.snapshot().vps[0].percent).abs() < 0.06, "{first:?}");
        assert_eq!(rig.called(), ["get_service_info"]);
        rig.world().fault(Fault::new(Trouble::Locked).on("kiwivm"));
        rig.wait(1700).await;
        let kept = read(false).await.unwrap();
        assert_eq!((kept.used, kept.as_of), (first.used, first.as_of));
        assert!(kept.days_left < first.days_left);
        assert_eq!(read(true).await.unwrap_err().kind, Kind::Locked);
        rig.wait(200).await;
        let error = read(false).await.unwrap_err();
        assert_eq!(error.kind, Kind::Locked);
        assert!(error.message.contains("the last reading is 31m"), "{}", error.message);
        rig.world().heal();
        assert!(read(false).await.unwrap().used > first.used);
    });
}

#[test]
fn the_multiplier_counts_on_both_sides() {
    run(
        |scenario| scenario.vps[0].multiplier = 0.33,
        |_| String::new(),
        |rig| async move {
            let usage = data_usage(&rig.vps(), &rig.host.store, true, &rig.talk()).await.unwrap();
            let real = &rig.snapshot().vps[0];
            assert!((usage.percent - real.percent).abs() < 0.06);
            assert!(usage.allowance < i64::try_from(real.allowance).unwrap() / 2 + 1, "{usage:?} {real:?}");
        },
    );
}

#[test]
fn wrong_credentials_are_no_reason_for_an_old_reading() {
    demo(|rig| async move {
        let (vps, store) = (rig.vps(), &rig.host.store);
        data_usage(&vps, store, false, &rig.talk()).await.unwrap();
        rig.world().fault(Fault::new(Trouble::Expired).on("kiwivm"));
        assert_eq!(data_usage(&vps, store, false, &rig.talk()).await.unwrap_err().kind, Kind::Auth);
        assert!(last(store, "tokyo").await.unwrap().is_some());
    });
}
