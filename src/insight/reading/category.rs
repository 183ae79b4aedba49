//! What a message is about, in one word: the names are part of what `max read` prints.

/// What a lead's message is about. The first ten are a wish to buy or a step towards it, the others are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Asks what it costs, or bargains.
    Price,
    /// Asks for a quote or an offer, or states a need that one would answer.
    Quote,
    /// Proposes, accepts or asks for a meeting, a visit, a demo, a trial.
    Meeting,
    /// Asks whether it can be had: in stock, free on that day, how soon.
    Availability,
    /// Orders, signs, agrees, books.
    Order,
    /// Asks to be called.
    CallBack,
    /// How to pay, in how many times; the contract and its terms, before it is signed.
    Payment,
    /// Weighs us, or our products, against each other or against others.
    Comparison,
    /// Needs it at once.
    Urgency,
    /// Comes on somebody's word, or passes us on to somebody who wants to buy.
    Referral,
    /// Does not want to buy.
    NotInterested,
    /// Wants no more messages, ever.
    Unsubscribe,
    /// A machine wrote it.
    AutoReply,
    /// Thanks, agrees, takes note, takes leave.
    Thanks,
    /// Has a problem with what was bought.
    Complaint,
    /// Is not whom we meant.
    WrongPerson,
    /// Not now: later, or still thinking.
    Postponed,
    /// Wants to sell to us.
    SupplierOffer,
    /// Names what buyers ask for, and says that it is not wanted.
    Negated,
    /// Has what we sell, from somebody else.
    BoughtElsewhere,
    /// Asks or tells something that is neither buying nor any of the others.
    Question,
    /// Wants to work for us.
    Application,
    /// Disputes an invoice or a debit.
    InvoiceDispute,
    /// Says yes and means no.
    Sarcasm,
}

impl Category {
    /// Every category, the buying ones first.
    pub const ALL: [Self; 24] = [
        Self::Price,
        Self::Quote,
        Self::Meeting,
        Self::Availability,
        Self::Order,
        Self::CallBack,
        Self::Payment,
        Self::Comparison,
        Self::Urgency,
        Self::Referral,
        Self::NotInterested,
        Self::Unsubscribe,
        Self::AutoReply,
        Self::Thanks,
        Self::Complaint,
        Self::WrongPerson,
        Self::Postponed,
        Self::SupplierOffer,
        Self::Negated,
        Self::BoughtElsewhere,
        Self::Question,
        Self::Application,
        Self::InvoiceDispute,
        Self::Sarcasm,
    ];

    /// The name in what `max read` prints and in labelled files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Quote => "quote",
            Self::Meeting => "meeting",
            Self::Availability => "availability",
            Self::Order => "order",
            Self::CallBack => "call_back",
            Self::Payment => "payment",
            Self::Comparison => "comparison",
            Self::Urgency => "urgency",
            Self::Referral => "referral",
            Self::NotInterested => "not_interested",
            Self::Unsubscribe => "unsubscribe",
            Self::AutoReply => "auto_reply",
            Self::Thanks => "thanks",
            Self::Complaint => "complaint",
            Self::WrongPerson => "wrong_person",
            Self::Postponed => "postponed",
            Self::SupplierOffer => "supplier_offer",
            Self::Negated => "negated",
            Self::BoughtElsewhere => "bought_elsewhere",
            Self::Question => "question",
            Self::Application => "application",
            Self::InvoiceDispute => "invoice_dispute",
            Self::Sarcasm => "sarcasm",
        }
    }

    /// The inverse of [`Category::as_str`]; case matters.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == text)
    }

    /// Whether it is a wish to buy, or a step towards it.
    pub fn buys(self) -> bool {
        self <= Self::Referral
    }
}
