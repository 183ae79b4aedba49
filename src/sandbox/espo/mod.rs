//! A small EspoCRM: stores, filters, signs, refuses and limits as the real one was measured to.
