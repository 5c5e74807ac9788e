//! What syslog has of a host whose sshd is attacked: three lines in ten are sshd's, in the sequences in
//! which it writes them, the others are what else a host says.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::random::{Random, Zipf, addresses};

const ATTACKERS: usize = 20_000;

const USERS: [&str; 18] = [
    "admin",
    "test",
    "oracle",
    "ubuntu",
    "postgres",
    "git",
    "user",
    "ftpuser",
    "pi",
    "minecraft",
    "deploy1",
    "jenkins",
    "nagios",
    "www",
    "guest",
    "es",
    "hadoop",
    "support",
];

/// One message, before syslog or the journal writes it.
pub(crate) struct Message {
    /// Who says it; `kernel` has no number.
    pub(crate) identifier: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) pid: u32,
    pub(crate) text: String,
}

/// The messages, one after the other, without an end.
pub(crate) struct Messages {
    random: Random,
    /// Of a thousand messages.
    sshd: u32,
    attackers: Vec<IpAddr>,
    choice: Zipf,
    friends: Vec<IpAddr>,
    /// The rest of the connection that sshd is telling of.
    queue: VecDeque<String>,
    pid: u32,
}

impl Messages {
    /// Of a thousand messages so many are sshd's.
    pub(crate) fn new(seed: u64, sshd: u32) -> Self {
        let mut random = Random::new(seed);
        let attackers = addresses(&mut random, ATTACKERS, 100);
        let friends = addresses(&mut random, 40, 200);
        let (choice, queue) = (Zipf::new(ATTACKERS), VecDeque::new());
        Self { random, sshd, attackers, choice, friends, queue, pid: 2000 }
    }

    fn sshd(&mut self) -> Message {
        if self.queue.is_empty() {
            self.pid = 2000 + (self.pid - 2000 + 1 + self.random.below(4)) % 4_000_000;
            self.connect();
        }
        let text = self.queue.pop_front().expect("a connection has messages");
        Message { identifier: "sshd", unit: "sshd.service", pid: self.pid, text }
    }

    fn connect(&mut self) {
        let port = 1024 + self.random.below(64_000);
        let attacker = self.attackers[self.choice.pick(&mut self.random)];
        match self.random.below(100) {
            0..50 => self.unknown_user(attacker, port),
            50..85 => self.root(attacker, port),
            _ => self.friend(port),
        }
    }

    /// Who tries a name that there is not.
    fn unknown_user(&mut self, from: IpAddr, port: u32) {
        let user = *self.random.pick(&USERS);
        self.say(format!("Invalid user {user} from {from} port {port}"));
        self.say("pam_unix(sshd:auth): check pass; user unknown".to_owned());
        self.say(format!(
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= \
             rhost={from} "
        ));
        for _ in 0..=self.random.below(2) {
            self.say(format!(
                "Failed password for invalid user {user} from {from} port {port} ssh2"
            ));
        }
        self.leave(&format!("invalid user {user}"), from, port);
    }

    /// Who tries passwords of root.
    fn root(&mut self, from: IpAddr, port: u32) {
        self.say(format!(
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= \
             rhost={from}  user=root"
        ));
        for _ in 0..=self.random.below(3) {
            self.say(format!("Failed password for root from {from} port {port} ssh2"));
        }
        self.leave("authenticating user root", from, port);
    }

    fn leave(&mut self, who: &str, from: IpAddr, port: u32) {
        if self.random.below(2) == 0 {
            self.say(format!("Connection closed by {who} {from} port {port} [preauth]"));
        } else {
            self.say(format!("Received disconnect from {from} port {port}:11: Bye Bye [preauth]"));
            self.say(format!("Disconnected from {who} {from} port {port} [preauth]"));
        }
    }

    /// Who has a key.
    fn friend(&mut self, port: u32) {
        let from = *self.random.pick(&self.friends);
        let key = (self.random.next(), self.random.next());
        self.say(format!(
            "Accepted publickey for deploy from {from} port {port} ssh2: ED25519 \
             SHA256:{:016x}{:016x}kQ",
            key.0, key.1
        ));
        let opened = "pam_unix(sshd:session): session opened for user deploy(uid=1000) by (uid=0)";
        self.say(opened.to_owned());
        self.say(format!("Received disconnect from {from} port {port}:11: disconnected by user"));
        self.say(format!("Disconnected from user deploy {from} port {port}"));
        self.say("pam_unix(sshd:session): session closed for user deploy".to_owned());
    }

    fn say(&mut self, text: String) {
        self.queue.push_back(text);
    }

    /// What else a host says.
    fn other(&mut self) -> Message {
        let pid = 300 + self.random.below(60_000);
        let (identifier, unit, pid, text) = match self.random.below(7) {
            0 => {
                let text = "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)";
                ("CRON", "cron.service", pid, text.to_owned())
            }
            1 => {
                let text = "(root) CMD (   cd / && run-parts --report /etc/cron.hourly)";
                ("CRON", "cron.service", pid, text.to_owned())
            }
            2 => {
                let text = format!("Started Session {} of User deploy.", self.random.below(99_999));
                ("systemd", "init.scope", 1, text)
            }
            3 => {
                let text = format!("New session {} of user deploy.", self.random.below(99_999));
                ("systemd-logind", "systemd-logind.service", 611, text)
            }
            4 => {
                let text = "  deploy : TTY=pts/0 ; PWD=/home/deploy ; USER=root ; \
                            COMMAND=/usr/bin/systemctl status nginx";
                ("sudo", "session-12.scope", pid, text.to_owned())
            }
            5 => {
                let text = format!("connect from unknown[{}]", self.random.pick(&self.friends));
                ("postfix/smtpd", "postfix@-.service", pid, text)
            }
            _ => ("kernel", "", 0, self.audited()),
        };
        Message { identifier, unit, pid, text }
    }

    /// What a packet filter logs.
    fn audited(&mut self) -> String {
        let (second, fraction) = (self.random.below(999_999), self.random.below(999_999));
        let (from, port) = (*self.random.pick(&self.friends), 1024 + self.random.below(60_000));
        format!(
            "[{second}.{fraction:06}] [UFW AUDIT] IN=eth0 OUT= MAC=00:16:3e:5e:6c:00 SRC={from} \
             DST=198.51.100.7 LEN=60 TOS=0x00 PREC=0x00 TTL=51 PROTO=TCP SPT={port} DPT=443"
        )
    }
}

impl Iterator for Messages {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let of_sshd = self.random.in_thousand(self.sshd);
        Some(if of_sshd { self.sshd() } else { self.other() })
    }
}
