//! What goes wrong on purpose, for tests of what a client does then.

/// Something that goes wrong until [`super::EspoSandbox::heal`] is called, or as often as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Every connection is cut before an answer.
    Down,
    /// The next `times` requests are answered with this status and nothing is done.
    Status {
        /// The HTTP status.
        status: u16,
        /// How often.
        times: u32,
    },
    /// Every request about this entity type is answered with this status, and nothing is done.
    OfEntity {
        /// The entity type.
        entity: String,
        /// The HTTP status.
        status: u16,
    },
    /// As `Status`, but reads go through.
    RefuseWrites {
        /// The HTTP status.
        status: u16,
        /// How often.
        times: u32,
    },
    /// The next `times` writes are done and then the connection is cut before an answer.
    CutReplyAfterStoring {
        /// How often.
        times: u32,
    },
    /// The next `times` requests get a page of HTML, as from a proxy or a login form, and nothing is done.
    Html {
        /// The HTTP status.
        status: u16,
        /// How often.
        times: u32,
    },
    /// Requests wait, unanswered, until the sandbox is healed; then they are done.
    Hang,
    /// The mail server refuses what is sent.
    NoMail,
}

/// What is wrong at the moment.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

/// What is to be done with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// As always.
    Normal,
    /// Not at all.
    Cut,
    /// As always, and then no answer.
    CutAfter,
    /// Not at all, and this status.
    Status(u16),
    /// Not at all, and this status with a page.
    Html(u16),
    /// Later.
    Wait,
}

impl Faults {
    /// Adds a fault.
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Whether a mail that is sent now is refused.
    pub fn mail_server_refuses(&self) -> bool {
        self.0.contains(&Fault::NoMail)
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Decides on one request about an entity type and counts it.
    pub fn course(&mut self, asked: &str, is_write: bool) -> Course {
        self.0.retain(|fault| fault.left() > 0);
        let concerns = |fault: &&mut Fault| match fault {
            Fault::RefuseWrites { .. } | Fault::CutReplyAfterStoring { .. } => is_write,
            Fault::OfEntity { entity, .. } => entity == asked,
            Fault::NoMail => false,
            Fault::Down | Fault::Status { .. } | Fault::Html { .. } | Fault::Hang => true,
        };
        let Some(fault) = self.0.iter_mut().find(concerns) else { return Course::Normal };
        match fault {
            Fault::Down => Course::Cut,
            Fault::Hang => Course::Wait,
            Fault::NoMail => Course::Normal,
            Fault::OfEntity { status, .. } => Course::Status(*status),
            Fault::Status { status, times } | Fault::RefuseWrites { status, times } => {
                *times -= 1;
                Course::Status(*status)
            }
            Fault::Html { status, times } => {
                *times -= 1;
                Course::Html(*status)
            }
            Fault::CutReplyAfterStoring { times } => {
                *times -= 1;
                Course::CutAfter
            }
        }
    }
}

impl Fault {
    fn left(&self) -> u32 {
        match self {
            Self::Down | Self::Hang | Self::NoMail | Self::OfEntity { .. } => 1,
            Self::Status { times, .. }
            | Self::RefuseWrites { times, .. }
            | Self::CutReplyAfterStoring { times }
            | Self::Html { times, .. } => *times,
        }
    }
}
