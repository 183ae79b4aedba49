//! M.A.X. in words: minijinja templates turn a finding into a human message.
