//! A user is deactivated.

use max::domain::{DAY, HOUR, MINUTE};
use serde_json::json;

use super::mirror::equals_crm;
use super::{setting, sweep, told};
use crate::support::{CAMILLE, LUC, Setting, World, button};

/// To an API user somebody who may not log in any more is in no list and 403 in a single read, and no webhook tells of
/// it: `max-convergence/user-3-after`, `user-4-read-403`.
#[tokio::test]
async fn who_was_deactivated_is_told_nothing_more() {
    let config = format!("{}[stand_ins]\n{:?} = {:?}\n", setting().config, LUC.0, CAMILLE.0);
    for webhooks in [false, true] {
        let world = World::with(Setting { config: config.clone(), webhooks, ..setting() }, |_| {}).await;
        world.lead("Marie", 7 * DAY - HOUR, json!({}));
        world.lead("Nina", 8 * DAY, json!({}));
        world.settle().await;
        let message = world.last();
        world.espo.update("User", LUC.0, "admin", json!({"isActive": false}));
        world.pass(2 * MINUTE).await;
        world.pass(2 * HOUR).await;
        assert_eq!(told(&world, "Marie"), (0, 1), "who stands in for him is told");
        world.telegram.tap(LUC.1, message.message_id, &button(&message, "done").unwrap()).unwrap();
        world.settle().await;
        assert_eq!(world.app().engine.store().open_alerts().unwrap().len(), 2, "he can do nothing any more");
        sweep(&world).await;
        assert_eq!(told(&world, "Marie"), (0, 1));
        equals_crm(&world);
        world.espo.update("User", LUC.0, "admin", json!({"isActive": true}));
        sweep(&world).await;
        equals_crm(&world);
        assert_eq!((told(&world, "Marie"), told(&world, "Nina")), ((0, 1), (1, 0)), "nothing is said twice");
        world.end().await;
    }
}
