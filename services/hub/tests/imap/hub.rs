//! The hub whole, in this process: a mail on the server becomes a customer, once, whatever happens in between.

use crate::{PATIENCE, server::Server, until};
use std::{path::Path, time::Duration};
use tempfile::TempDir;
use tributary::{
    config::{self, Config, Source},
    serve,
};

fn config(server: &Server, folder: &Path) -> Config {
    let text = format!(
        "[hub]\nlisten = \"127.0.0.1:0\"\napi_listen = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n\
         [channels.mail]\nkind = \"email\"\nmailbox = \"help@shop.example\"\nimap = \"{}\"\nimap_tls = false\n\
         imap_user = \"us\"\npassword = \"env:PASSWORD\"\nimap_folder = \"客服\"\n",
        folder.join("data").display(),
        server.address
    );
    let environment = [("PASSWORD".to_owned(), "p\"w\\d".to_owned())].into();
    config::from_text(Source { name: "test.toml".into(), text }, &environment)
        .unwrap_or_else(|e| panic!("{e}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_on_the_server_is_one_customer() {
    let (server, folder) = (Server::start(1..=70, None).await, TempDir::new().unwrap());
    let running =
        serve::start(config(&server, folder.path())).await.unwrap_or_else(|e| panic!("{}", e.message));
    let hub = running.hub.clone();
    until("the mails", || hub.pulls.line("mail").as_deref() == Some("imap waiting")).await;
    assert_eq!(hub.taken("mail").accepted, 70);
    // Numbered anew while the hub is connected: the same events again.
    {
        let mut state = server.state();
        (state.validity, state.hang_up_in) = (8, Some(0));
    }
    server.deliver(71);
    until("the failure", || hub.pulls.line("mail").is_some_and(|line| line.contains("imap_closed"))).await;
    assert!(hub.metrics.render(hub.now()).contains("tributary_pull_connected{channel=\"mail\"} 0"));
    server.state().hang_up_in = None;
    until("all again", || hub.taken("mail").duplicates == 70).await;
    until("the new one", || hub.taken("mail").accepted == 71).await;
    let metrics = hub.metrics.render(hub.now());
    assert!(
        metrics.contains("tributary_pull_failures_total{channel=\"mail\",reason=\"imap_closed\"}"),
        "{metrics}"
    );
    let folded = hub.projector().clone();
    until("folded", || *folded.subscribe().borrow() == hub.log.end()).await;
    let customers = hub.projector().read(|look| look.engine().fold().resolver.customers());
    assert_eq!(customers, 71);
    drop((folded, hub));
    running.stop().await;
    // The next start begins where this one ended.
    let before = server.count("UID FETCH 1,");
    let running =
        serve::start(config(&server, folder.path())).await.unwrap_or_else(|e| panic!("{}", e.message));
    let hub = running.hub.clone();
    server.deliver(72);
    until("the newest", || hub.taken("mail").accepted == 1).await;
    assert_eq!(hub.taken("mail").duplicates, 0);
    assert_eq!(server.count("UID FETCH 1,"), before);
    let stopping = std::time::Instant::now();
    drop(hub);
    running.stop().await;
    assert!(
        stopping.elapsed() < Duration::from_secs(7).min(PATIENCE),
        "an idling connection does not hold up the stop"
    );
}
