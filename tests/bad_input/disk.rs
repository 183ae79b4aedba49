//! A disk that is full, and a store that somebody else has open.

use max::app::App;
use max::config::Config;

use crate::support::World;

#[tokio::test]
async fn a_second_daemon_on_the_same_store_is_told_so() {
    let world = World::begin().await;
    let config = Config::from_toml(world.config()).unwrap();
    let error = App::start(config, world.clock.clone()).await.err().expect("the store is taken");
    assert!(error.to_string().contains("another `max` runs"), "{error}");
    world.end().await;
}
