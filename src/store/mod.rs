//! The only room that names sled: keys, mirror, due index, alerts, outbox, cursors.
