use crate::support::World;
#[tokio::test]
async fn timing() {
    tracing_subscriber::fmt().with_env_filter("max=debug,hyper_util=debug,reqwest=debug").with_ansi(false).init();
    let t = std::time::Instant::now();
    let w = World::begin().await;
    eprintln!("begin {:?}", t.elapsed());
    for _ in 0..3 { let t = std::time::Instant::now(); w.look().await; eprintln!("look {:?}", t.elapsed()); }
    let t = std::time::Instant::now(); w.settle().await; eprintln!("settle {:?}", t.elapsed());
    w.lead("Marie", 8*86400, serde_json::json!({}));
    let t = std::time::Instant::now(); w.settle().await; eprintln!("settle lead {:?}", t.elapsed());
    let t = std::time::Instant::now(); w.tap("done").await; eprintln!("tap {:?}", t.elapsed());
    let t = std::time::Instant::now(); w.end().await; eprintln!("end {:?}", t.elapsed());
}
