//! M.A.X., the nervous system of a sales pipeline.
//!
//! Facts come in, a pure function decides, one commit records the decision, workers carry it out. Read the
//! modules in this order:
//!
//! 1. [`domain`]: the nouns: lead, activity, alert, effect, button, working calendar;
//! 2. [`rules`]: when each alert holds; [`insight`]: what a message means, what to advise;
//! 3. [`decide`]: facts + alerts + now = what opens, closes and is to be done;
//! 4. [`store`]: what is kept, in sled; [`espo`]: EspoCRM on the wire; [`voice`]: M.A.X. in words;
//!    [`second_opinion`]: a language model, for whoever wants one;
//! 5. [`engine`]: the single writer, the sources, the dispatcher;
//! 6. [`telegram`] and [`http`]: the doors to people and programs;
//! 7. [`config`], [`clock`], [`app`], [`cli`]: how it is put together and started;
//! 8. [`sandbox`]: a small EspoCRM and a small Telegram, for the demo and the tests.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod decide;
pub mod domain;
pub mod engine;
pub mod espo;
pub mod http;
pub mod insight;
pub mod rules;
pub mod sandbox;
pub mod second_opinion;
pub mod store;
pub mod telegram;
pub mod voice;
