//! A daemon whose world is the test: channels that it holds, and a clock that it moves.

use super::*;

/// A daemon, and the ends of the channels that the world holds.
pub(super) struct Stage {
    pub(super) daemon: Daemon,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    pub(super) stored: mpsc::UnboundedReceiver<News>,
    pub(super) events: mpsc::Receiver<Event>,
    /// What a collector would be told.
    pub(super) told: Kept,
    pub(super) now: Moment,
    pub(super) directory: tempfile::TempDir,
}

pub(super) type Answered = oneshot::Receiver<Result<Answer, Refused>>;

impl Stage {
    pub(super) fn new(yaml: &str, dry_run: bool) -> Self {
        Self::resumed(tempfile::tempdir().unwrap(), yaml, dry_run)
    }

    /// A daemon that finds what an earlier one left in the directory.
    pub(super) fn resumed(directory: tempfile::TempDir, yaml: &str, dry_run: bool) -> Self {
        let now = Moment {
            wall: Timestamp::from_second(1_800_000_000).unwrap(),
            boot: Boot(SignedDuration::from_secs(1000)),
        };
        Self::resumed_at(directory, yaml, dry_run, now)
    }

    pub(super) fn resumed_at(
        directory: tempfile::TempDir,
        yaml: &str,
        dry_run: bool,
        now: Moment,
    ) -> Self {
        let path = directory.path().join("gaoler.yaml");
        std::fs::write(&path, yaml).unwrap();
        let config = config::load(&path).unwrap();
        let (news_sender, stored) = mpsc::unbounded_channel();
        let state = directory.path().join("state.db");
        let (store, mut heritage) =
            Store::open(&state, config.history, super::clock::now, news_sender);
        let (order_sender, orders) = mpsc::unbounded_channel();
        let (event_sender, events) = mpsc::channel(16);
        let enforcement = config.enforcement.clone();
        let metrics = Arc::new(Metrics::new("0", "0", now, "/proc/self".into()));
        let (exporters, told) = Exporters::kept(&metrics, Sampler::AlwaysOn);
        let mut daemon = Daemon::new(Setting {
            location: config::Location::of(&path),
            dry_run,
            frozen: Frozen::of(&config),
            on_stop: OnStop::Keep,
            enforcement: &enforcement,
            guards: Guards {
                own: vec!["192.0.2.16".parse().unwrap()],
                gateways: vec!["192.0.2.1".parse().unwrap()],
                sessions: Vec::new(),
                on_link: vec!["fd00:1::/64".parse().unwrap()],
            },
            max_new_bans: config.max_new_bans,
            seed: 0,
            store: Some(store),
            orders: order_sender,
            events: event_sender,
            messages: mpsc::channel(1).0,
            metrics,
            exporters,
            overview: watch::channel(Overview::default()).0,
        });
        daemon.inherit(&heritage);
        daemon.take_up(&config, std::mem::take(&mut heritage.saved), now);
        Self { daemon, orders, stored, events, told, now, directory }
    }

    /// Ends the daemon; what it left is in the directory.
    pub(super) fn end(self) -> tempfile::TempDir {
        self.daemon.store.expect("every stage has one").close().unwrap();
        self.directory
    }

    pub(super) fn after(&mut self, millis: i64) -> &mut Self {
        let span = SignedDuration::from_millis(millis);
        self.now = Moment { wall: self.now.wall + span, boot: self.now.boot.after(span) };
        self.turn(Event::Deadline)
    }

    pub(super) fn turn(&mut self, event: Event) -> &mut Self {
        self.daemon.on_event(event, self.now);
        self
    }

    /// Failures of `address` in `jail`, all now.
    pub(super) fn failures(&mut self, jail: &str, address: &str, count: usize) -> &mut Self {
        let failure = Failure { address: address.parse().unwrap(), time: self.now.wall };
        let mut excerpts = Excerpts::default();
        let text =
            excerpts.text(format!("Failed password for \u{1b}[2J from {address}").as_bytes());
        let user = Some(excerpts.user(b"\x1b[2J"));
        let finding = Finding { listener: 0, pattern: 0, failure, read: self.now, text, user };
        let batch = Batch {
            listeners: [JailName::new(jail)].into(),
            found: Findings { failures: vec![finding; count], excerpts }.into(),
            tally: Tally::default(),
            through: Position::Journal { cursor: "c".into() },
            caught_up: true,
            late: false,
            backlog_bytes: 0,
        };
        let message = Message { source: "test".into(), body: Body::Batch(batch) };
        self.turn(Event::Source(message))
    }

    /// Lets the store's answers in, until every ban that it was given is kept.
    pub(super) async fn kept(&mut self) -> &mut Self {
        while self.daemon.keeping.awaits_store() {
            self.store_says().await;
        }
        self
    }

    /// Lets in what the store says next.
    pub(super) async fn store_says(&mut self) -> News {
        let news = tokio::time::timeout(std::time::Duration::from_secs(30), self.stored.recv());
        let news = news.await.expect("the store answers").expect("the store lives");
        self.turn(Event::Stored(news.clone()));
        news
    }

    /// The orders since the last look, as words.
    pub(super) fn ordered(&mut self) -> Vec<String> {
        let mut ordered = Vec::new();
        while let Ok(order) = self.orders.try_recv() {
            ordered.push(match order {
                Order::Enforce(Demand { key, block, .. }) => {
                    let ports = block.scope.ports.iter().map(ToString::to_string);
                    format!("enforce {} {} {}", key.jail, key.address, ports.collect::<String>())
                }
                Order::Release(key) => format!("release {} {}", key.jail, key.address),
                Order::Jails(_) => continue, // For what is said of the backend.
                other => format!("{other:?}"),
            });
        }
        ordered
    }

    pub(super) fn enforced(&mut self, jail: &str, address: &str) -> &mut Self {
        let report = Report::Enforced { key: key(jail, address), at: self.now };
        self.turn(Event::Firewall(report))
    }

    pub(super) fn ask(&mut self, request: Request) -> Answered {
        let (reply, answered) = oneshot::channel();
        self.turn(Event::Call(Call { uid: 0, request, reply }));
        answered
    }

    /// Currently failed, total failed, currently banned, total banned, enforced.
    pub(super) fn numbers(&mut self, jail: &str) -> [u64; 5] {
        let status = self.daemon.status(self.now);
        let jail = status.jails.into_iter().find(|status| status.name == jail).unwrap();
        let (filter, actions) = (jail.filter, jail.actions);
        [
            filter.currently_failed,
            filter.total_failed,
            actions.currently_banned,
            actions.total_banned,
            actions.enforced,
        ]
    }

    /// The sum of the samples of a metric that have a label of this value.
    pub(super) fn sample(&self, name: &str, value: &str) -> u64 {
        let families = self.daemon.metrics.families();
        let page = String::from_utf8(exposition::render(&families, Format::Text004)).unwrap();
        let (name, value) = (format!("{name}{{"), format!("\"{value}\""));
        let samples = page.lines().filter(|line| line.starts_with(&name) && line.contains(&value));
        let numbers = samples.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap());
        numbers.reduce(|sum, number| sum + number).expect("there is such a sample")
    }

    /// The page of metrics, with exemplars.
    pub(super) fn openmetrics(&self) -> String {
        let format = Format::OpenMetrics(exposition::OpenMetricsVersion::V100);
        let page = exposition::render(&self.daemon.metrics.families(), format);
        String::from_utf8(page).unwrap()
    }

    /// Rewrites the configuration, and has it read again.
    pub(super) async fn reload(&mut self, yaml: &str) -> Result<Answer, Refused> {
        std::fs::write(self.directory.path().join("gaoler.yaml"), yaml).unwrap();
        let answered = self.ask(Request::Reload);
        let event = self.events.recv().await.unwrap();
        self.turn(event);
        answered.await.unwrap()
    }
}

pub(super) fn key(jail: &str, address: &str) -> BanKey {
    let address: IpNet = format!("{address}/32").parse().unwrap();
    BanKey { jail: JailName::new(jail), address }
}

pub(super) fn changed(answered: &mut Answered) -> Changed {
    match answered.try_recv().expect("answered by now") {
        Ok(Answer::Changed(changed)) => changed,
        other => panic!("{other:?}"),
    }
}
