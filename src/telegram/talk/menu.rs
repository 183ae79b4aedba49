//! The menu of commands that Telegram shows beside the input field: in each language, in private chats all, in groups
//! none but help. It is set at a start when it differs from the one that was set last.

use std::hash::{DefaultHasher, Hash, Hasher};

use teloxide::types::{BotCommand, BotCommandScope};

use super::super::api::SendError;
use super::super::bot::Bot;
use super::commands::MENU;
use crate::domain::{Lang, Manner};
use crate::engine::EngineError;
use crate::store::Batch;

/// The menu that was set last, as a number, is kept under this name.
const CURSOR: &str = "telegram_menu";

/// A menu: where, for which language (none for all others), and what it holds.
struct Menu {
    scope: BotCommandScope,
    language: Option<&'static str>,
    commands: Vec<BotCommand>,
}

impl Bot {
    /// Sets the menu unless that has been done. What goes wrong is said and stops nothing: the next start tries again.
    pub(in crate::telegram) async fn set_menu(&self, bot_name: &str) {
        let menus = self.menus();
        let wanted = fingerprint(bot_name, &menus);
        if self.engine.store().cursor::<u64>(CURSOR).ok().flatten() == Some(wanted) {
            return;
        }
        match self.put_menus(menus).await {
            Ok(()) => {
                if let Err(error) = self.keep_menu(wanted).await {
                    tracing::debug!(%error, "that the menu is set could not be noted");
                }
            }
            Err(error) => tracing::warn!(%error, "the bot's menu could not be set; the next start tries again"),
        }
    }

    async fn put_menus(&self, menus: Vec<Menu>) -> Result<(), SendError> {
        for menu in menus {
            self.api.set_commands(menu.commands, menu.scope, menu.language).await?;
        }
        Ok(())
    }

    async fn keep_menu(&self, fingerprint: u64) -> Result<(), EngineError> {
        self.engine
            .run(move |engine| {
                let mut batch = Batch::default();
                batch.put_cursor(CURSOR, &fingerprint);
                engine.store.apply(batch)
            })
            .await
    }

    fn menus(&self) -> Vec<Menu> {
        let languages = std::iter::once((None, self.speaker.manner()));
        let languages = languages.chain(Lang::ALL.map(|lang| (Some(lang.as_str()), Manner::of(lang, false))));
        let command = |manner: Manner, name: &&str| {
            let description = self.speaker.voice.short(manner, "command", name);
            BotCommand::new(name.to_string(), description.chars().take(256).collect::<String>())
        };
        languages
            .flat_map(|(language, manner)| {
                let all = MENU.iter().map(|name| command(manner, name)).collect();
                let few = vec![command(manner, &"help")];
                [
                    Menu { scope: BotCommandScope::AllPrivateChats, language, commands: all },
                    Menu { scope: BotCommandScope::AllGroupChats, language, commands: few },
                ]
            })
            .collect()
    }
}

fn fingerprint(bot_name: &str, menus: &[Menu]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bot_name.hash(&mut hasher);
    for menu in menus {
        menu.language.hash(&mut hasher);
        for command in &menu.commands {
            (&command.command, &command.description).hash(&mut hasher);
        }
    }
    hasher.finish()
}
