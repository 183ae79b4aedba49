//! Trains the model that reads messages, and measures it: `cargo run --release --example train-reading -- evaluate`
//! (cross-validation, grouped by twins), `… -- write` (trains on everything and writes the weights that are compiled
//! in), `… -- blind FILE` (measures the committed weights on sentences they never saw; `seen` shows the errors too). Further labelled files may
//! follow. The same sentences give the same weights, bit for bit.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use max::insight::reading::{
    ANSWERS, Category, EXPECTS, Explained, Group, INTENT, Model, explain, explain_with, features_of, read,
};

const SENTENCES: &str = "src/insight/reading/data/sentences.tsv";
const WEIGHTS: &str = "src/insight/reading/data/weights.bin";
const FOLDS: u32 = 5;

/// A message and what it means to a person.
#[derive(Clone)]
struct Sentence {
    /// Sentences that resemble each other: never one in training while the other is asked.
    group: String,
    lang: String,
    channel: String,
    /// Unknown for a mark of "not relevant", which says only that there is no intent.
    category: Option<Category>,
    /// Unknown when all that is said is what it is not.
    intent: Option<bool>,
    expects_reply: Option<bool>,
    auto_reply: bool,
    /// What a person said that it is not.
    is_not: Option<Category>,
    text: String,
}

impl Sentence {
    fn wants(&self) -> bool {
        self.intent == Some(true)
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let files: Vec<String> = args.collect();
    match carry_out(&command, &files) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn carry_out(command: &str, files: &[String]) -> Result<(), String> {
    match command {
        "blind" | "seen" => {
            let mut sentences = Vec::new();
            for file in files {
                sentences.extend(load(Path::new(file))?);
            }
            let found = sentences.iter().map(|sentence| explain(&sentence.text)).collect::<Vec<_>>();
            // Of a blind list without the errors: whoever sees them can no longer call the sentences unseen.
            Report::new(&sentences, &found).print(command == "seen");
            Ok(())
        }
        "evaluate" | "errors" => {
            let sentences = everything(files)?;
            let found = cross_validate(&sentences);
            Report::new(&sentences, &found).print(command == "errors");
            measure_time(&sentences);
            Ok(())
        }
        "write" => {
            let sentences = everything(files)?;
            let bytes = train(&sentences).to_bytes();
            std::fs::write(WEIGHTS, &bytes).map_err(|error| format!("{WEIGHTS}: {error}"))?;
            println!("{} sentences, {} bytes in {WEIGHTS}", sentences.len(), bytes.len());
            Ok(())
        }
        _ => Err("evaluate | errors | write [FILE…], or blind | seen FILE…".to_owned()),
    }
}

fn everything(more: &[String]) -> Result<Vec<Sentence>, String> {
    let mut sentences = load(Path::new(SENTENCES))?;
    for file in more {
        sentences.extend(load(Path::new(file))?);
    }
    Ok(sentences)
}

/// Labelled sentences: a table with tabs (`docs/reading.md`), or NDJSON with `text` and `intent`, `category`, `expects_reply` or
/// `not` (a category that it is not), and if known `lang`, `channel`.
fn load(path: &Path) -> Result<Vec<Sentence>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut sentences = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let sentence = if line.starts_with('{') { from_json(line, number) } else { from_table(line) };
        sentences.push(sentence.map_err(|reason| format!("{}:{}: {reason}", path.display(), number + 1))?);
    }
    Ok(sentences)
}

fn from_table(line: &str) -> Result<Sentence, String> {
    let fields: Vec<&str> = line.splitn(9, '\t').collect();
    let [_, group, lang, channel, category, intent, expects, auto, text] = fields[..] else {
        return Err("nine fields: id, twins, language, channel, category, three answers, text".to_owned());
    };
    let flag = |text: &str| match text {
        "1" => Ok(true),
        "0" => Ok(false),
        other => Err(format!("{other} is neither 1 nor 0")),
    };
    Ok(Sentence {
        group: group.to_owned(),
        lang: lang.to_owned(),
        channel: channel.to_owned(),
        category: Some(Category::parse(category).ok_or_else(|| format!("no category {category}"))?),
        intent: Some(flag(intent)?),
        expects_reply: Some(flag(expects)?),
        auto_reply: flag(auto)?,
        is_not: None,
        text: text.replace("\\n", "\n"),
    })
}

fn from_json(line: &str, number: usize) -> Result<Sentence, String> {
    let line: serde_json::Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let text = |name: &str| line[name].as_str().map(str::to_owned);
    let category =
        |name| text(name).map(|name| Category::parse(&name).ok_or(format!("no category {name}"))).transpose();
    let (category, is_not) = (category("category")?, category("not")?);
    let intent = line["intent"].as_bool().or(category.map(Category::buys));
    let expects_reply = line["expects_reply"].as_bool().or(intent.filter(|intent| *intent));
    if intent.is_none() && is_not.is_none() && expects_reply.is_none() {
        return Err("neither intent nor category nor expects_reply, nor what it is not".to_owned());
    }
    Ok(Sentence {
        group: format!("json{number}"),
        lang: text("lang").unwrap_or_default(),
        channel: text("channel").unwrap_or_default(),
        category,
        intent,
        expects_reply,
        auto_reply: category == Some(Category::AutoReply),
        is_not,
        text: text("text").ok_or("no text")?,
    })
}

/// Each sentence read by a model that saw neither it nor its twins.
fn cross_validate(sentences: &[Sentence]) -> Vec<Explained> {
    let mut fold_of = HashMap::new();
    for sentence in sentences {
        let next = fold_of.len() as u32;
        // Neighbours in the file are of one kind: dealt out in turn, every fold gets some of each.
        fold_of.entry(sentence.group.as_str()).or_insert(next % FOLDS);
    }
    let mut found: Vec<Option<Explained>> = vec![None; sentences.len()];
    for fold in 0..FOLDS {
        let seen = sentences.iter().filter(|sentence| fold_of[sentence.group.as_str()] != fold);
        let model = train(&seen.cloned().collect::<Vec<_>>());
        for (place, sentence) in sentences.iter().enumerate() {
            if fold_of[sentence.group.as_str()] == fold {
                found[place] = Some(explain_with(&model, &sentence.text));
            }
        }
    }
    found.into_iter().flatten().collect()
}

const EPOCHS: usize = 16;
/// How often everything is learnt anew, in another order: the weights are the mean of all.
const TIMES: u64 = 4;
const RATE: f32 = 0.08;
const DECAY: f32 = 2e-4;
/// Of 256 things that are true of a sentence so many are left out each time it is looked at: the others have to do.
const LEFT_OUT: u64 = 160;
/// A feature of fewer families of twins says more about those than about the world.
const FAMILIES: usize = 3;
/// How many features are kept: those that weigh most.
const KEPT: usize = 100_000;
/// A row's length while training: the answers, and what makes it a power of two.
const ROW: usize = 32;

/// A sentence as the model sees it: features by their place among all, with what each counts.
struct Example {
    features: Vec<(usize, f32)>,
    category: Option<usize>,
    is_not: Option<usize>,
    intent: Option<f32>,
    expects: Option<f32>,
}

/// Numbers without rhyme or reason, the same ones each time.
struct Dice(u64);

impl Dice {
    fn new(time: u64) -> Self {
        Self(0x2545_f491_4f6c_dd1d ^ time.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn throw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn shuffle(&mut self, order: &mut [usize]) {
        for place in (1..order.len()).rev() {
            let other = (self.throw() % (place as u64 + 1)) as usize;
            order.swap(place, other);
        }
    }

    /// Some of the features, each counting more for those that are left out.
    fn some_of(&mut self, features: &[(usize, f32)], some: &mut Vec<(usize, f32)>) {
        let more = 256.0 / (256 - LEFT_OUT) as f32;
        some.clear();
        some.extend(
            features.iter().filter(|_| self.throw() >> 56 >= LEFT_OUT).map(|(place, value)| (*place, value * more)),
        );
    }
}

/// A weight per answer, and how much each has moved so far.
#[derive(Clone)]
struct Row {
    weights: [f32; ROW],
    squares: [f32; ROW],
}

impl Row {
    const NEW: Self = Self { weights: [0.0; ROW], squares: [1e-2; ROW] };

    /// AdaGrad: what has moved a lot moves less.
    fn learn(&mut self, gradient: &[f32; ROW], value: f32, decay: f32) {
        for (answer, gradient) in gradient.iter().enumerate() {
            let slope = gradient * value + decay * self.weights[answer];
            self.squares[answer] += slope * slope;
            self.weights[answer] -= RATE * slope / self.squares[answer].sqrt();
        }
    }
}

/// Logistic regression, one multi-class answer and two binary ones on the same features; AdaGrad with weight decay.
fn train(sentences: &[Sentence]) -> Model {
    let (examples, names) = examples(sentences);
    let mut mean = vec![[0.0_f32; ANSWERS]; names.len() + 1];
    for time in 0..TIMES {
        let rows = learn(&examples, names.len(), Dice::new(time));
        for (mean, row) in mean.iter_mut().zip(&rows) {
            mean.iter_mut().zip(row.weights).for_each(|(mean, weight)| *mean += weight / TIMES as f32);
        }
    }
    let bias = mean.pop().unwrap_or([0.0; ANSWERS]);
    let mut kept: Vec<(u32, [f32; ANSWERS])> = names.into_iter().zip(mean).collect();
    let weight = |row: &[f32; ANSWERS]| row.iter().map(|weight| weight * weight).sum::<f32>();
    kept.sort_by(|one, other| weight(&other.1).total_cmp(&weight(&one.1)).then(one.0.cmp(&other.0)));
    kept.truncate(KEPT);
    Model::quantised(kept, bias)
}

/// The weights of each feature, in order, and last the bias.
fn learn(examples: &[Example], count: usize, mut dice: Dice) -> Vec<Row> {
    let mut rows = vec![Row::NEW; count + 1];
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut some = Vec::new();
    for _ in 0..EPOCHS {
        dice.shuffle(&mut order);
        for example in order.iter().map(|place| &examples[*place]) {
            dice.some_of(&example.features, &mut some);
            let gradient = gradient(example, &some, &rows);
            rows[count].learn(&gradient, 1.0, 0.0);
            for (feature, value) in &some {
                rows[*feature].learn(&gradient, *value, DECAY);
            }
        }
    }
    rows
}

fn examples(sentences: &[Sentence]) -> (Vec<Example>, Vec<u32>) {
    let all: Vec<_> = sentences.iter().map(|sentence| features_of(&sentence.text).unwrap_or_default()).collect();
    let mut families: BTreeMap<u32, (usize, &str)> = BTreeMap::new();
    for (sentence, features) in sentences.iter().zip(&all) {
        for feature in features {
            let (count, last) = families.entry(feature.name).or_insert((0, ""));
            if *last != sentence.group {
                (*count, *last) = (*count + 1, &sentence.group);
            }
        }
    }
    let names: Vec<u32> = families.iter().filter(|(_, (count, _))| *count >= FAMILIES).map(|(name, _)| *name).collect();
    let place_of: HashMap<u32, usize> = names.iter().enumerate().map(|(place, name)| (*name, place)).collect();
    let mut examples = Vec::new();
    for (sentence, features) in sentences.iter().zip(&all).filter(|(_, features)| !features.is_empty()) {
        let count = |group| features.iter().filter(|feature| feature.group == group).count();
        let shares = Group::ALL.map(|group| group.share(count(group)));
        let known =
            features.iter().filter_map(|feature| Some((*place_of.get(&feature.name)?, shares[feature.group as usize])));
        examples.push(Example {
            features: known.collect(),
            category: sentence.category.map(|category| category as usize),
            is_not: sentence.is_not.map(|category| category as usize),
            intent: sentence.intent.map(|intent| f32::from(u8::from(intent))),
            expects: sentence.expects_reply.map(|expects| f32::from(u8::from(expects))),
        });
    }
    (examples, names)
}

/// How far each answer is from what is right.
fn gradient(example: &Example, features: &[(usize, f32)], rows: &[Row]) -> [f32; ROW] {
    let mut scores = rows[rows.len() - 1].weights;
    for (feature, value) in features {
        for (score, weight) in scores.iter_mut().zip(&rows[*feature].weights) {
            *score += weight * value;
        }
    }
    let mut gradient = [0.0; ROW];
    let categories = &scores[..Category::ALL.len()];
    let most = categories.iter().copied().fold(f32::MIN, f32::max);
    let whole: f32 = categories.iter().map(|score| (score - most).exp()).sum();
    for (answer, score) in categories.iter().enumerate() {
        let share = (score - most).exp() / whole;
        gradient[answer] = match (example.category, example.is_not) {
            (Some(right), _) => share - f32::from(u8::from(answer == right)),
            (None, Some(wrong)) if wrong == answer => share,
            (None, _) => 0.0,
        };
    }
    let logistic = |score: f32| 1.0 / (1.0 + (-score).exp());
    gradient[INTENT] = example.intent.map_or(0.0, |intent| logistic(scores[INTENT]) - intent);
    gradient[EXPECTS] = example.expects.map_or(0.0, |expects| logistic(scores[EXPECTS]) - expects);
    gradient
}

/// Right and wrong answers to a yes-or-no question.
#[derive(Clone, Copy, Default)]
struct Tally {
    hits: u32,
    false_alarms: u32,
    missed: u32,
    quiet: u32,
}

impl Tally {
    fn add(&mut self, right: bool, said: bool) {
        match (right, said) {
            (true, true) => self.hits += 1,
            (false, true) => self.false_alarms += 1,
            (true, false) => self.missed += 1,
            (false, false) => self.quiet += 1,
        }
    }

    fn line(self, name: &str) -> String {
        let share = |part: u32, of: u32| {
            if of == 0 { "    –".to_owned() } else { format!("{:.3}", f64::from(part) / f64::from(of)) }
        };
        let Self { hits, false_alarms, missed, quiet } = self;
        format!(
            "{name:18} {:5} {:5}  {}  {}  {}",
            hits + missed,
            hits + false_alarms + missed + quiet,
            share(hits, hits + false_alarms),
            share(hits, hits + missed),
            share(2 * hits, 2 * hits + false_alarms + missed),
        )
    }
}

struct Report<'a> {
    sentences: &'a [Sentence],
    found: &'a [Explained],
}

impl<'a> Report<'a> {
    fn new(sentences: &'a [Sentence], found: &'a [Explained]) -> Self {
        assert_eq!(sentences.len(), found.len(), "every sentence is read once");
        Self { sentences, found }
    }

    fn pairs(&self) -> impl Iterator<Item = (&Sentence, &Explained)> {
        self.sentences.iter().zip(self.found)
    }

    fn print(&self, errors: bool) {
        if errors {
            self.print_errors();
        }
        println!("\nanswer              yes    all  prec.  recall F1");
        let tally = |right: fn(&Sentence) -> bool, said: fn(&Explained) -> bool| {
            let mut tally = Tally::default();
            self.pairs().for_each(|(sentence, found)| tally.add(right(sentence), said(found)));
            tally
        };
        println!("{}", tally(|s| s.wants(), |f| f.reading.intent).line("intent"));
        println!(
            "{}",
            tally(|s| s.expects_reply.unwrap_or(s.wants()), |f| f.reading.expects_reply).line("expects a reply")
        );
        println!("{}", tally(|s| s.auto_reply, |f| f.reading.auto_reply).line("auto-reply"));
        let stop = tally(|s| s.category == Some(Category::Unsubscribe), |f| f.category == Category::Unsubscribe);
        println!("{}", stop.line("unsubscribe"));
        self.print_by("language", |sentence| sentence.lang.clone());
        self.print_by("channel", |sentence| sentence.channel.clone());
        self.print_categories();
        self.print_confusion();
    }

    fn print_by(&self, what: &str, key: impl Fn(&Sentence) -> String) {
        println!("\nintent by {what}");
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        for (sentence, found) in self.pairs() {
            tallies.entry(key(sentence)).or_default().add(sentence.wants(), found.reading.intent);
        }
        for (name, tally) in tallies {
            println!("{}", tally.line(&name));
        }
    }

    fn print_categories(&self) {
        println!("\ncategory            yes    all  prec.  recall F1     intent right");
        let mut right = 0;
        for category in Category::ALL {
            let (mut tally, mut intent, mut of) = (Tally::default(), 0, 0);
            for (sentence, found) in self.pairs() {
                let is = sentence.category == Some(category);
                tally.add(is, found.category == category);
                of += u32::from(is);
                intent += u32::from(is && found.reading.intent == sentence.wants());
            }
            right += tally.hits;
            println!("{}  {intent}/{of}", tally.line(category.as_str()));
        }
        println!("category right: {:.3}", f64::from(right) / self.sentences.len().max(1) as f64);
    }

    fn print_confusion(&self) {
        println!("\nmost confused");
        let mut pairs: BTreeMap<(Category, Category), u32> = BTreeMap::new();
        for (sentence, found) in self.pairs() {
            if let Some(category) = sentence.category.filter(|category| *category != found.category) {
                *pairs.entry((category, found.category)).or_default() += 1;
            }
        }
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for ((is, said), count) in pairs.iter().take(20) {
            println!("{count:4} {} read as {}", is.as_str(), said.as_str());
        }
    }

    fn print_errors(&self) {
        for (sentence, found) in self.pairs() {
            let stop = |category| category == Category::Unsubscribe;
            let wrong = sentence.wants() != found.reading.intent
                || sentence.auto_reply != found.reading.auto_reply
                || sentence.category.is_some_and(|category| stop(category) != stop(found.category));
            if wrong {
                println!(
                    "{:16} as {:16} {:.2} {:?} because of {:?}",
                    sentence.category.map_or("?", Category::as_str),
                    found.category.as_str(),
                    found.score,
                    sentence.text,
                    found.evidence
                );
            }
        }
    }
}

/// The best of many runs of a few messages each: what other programs take away is not ours.
fn measure_time(sentences: &[Sentence]) {
    let texts: Vec<&str> = sentences.iter().map(|sentence| sentence.text.as_str()).collect();
    let three = each(&texts, |text| {
        std::hint::black_box(read(text));
    });
    let all = each(&texts, |text| {
        std::hint::black_box(explain(text));
    });
    println!("\nper message: {three:.1} µs for the reading, {all:.1} µs with category and evidence");
    let mut long = String::new();
    for text in texts.iter().skip(100) {
        if long.len() >= 4_096 {
            break;
        }
        long.push_str(text);
        long.push('\n');
    }
    let mail = each(&[&long], |text| {
        std::hint::black_box(read(text));
    });
    println!("per mail of {} bytes: {mail:.0} µs for the reading", long.len());
}

/// Microseconds per text.
fn each(texts: &[&str], read: impl Fn(&str)) -> f64 {
    const ROUNDS: u32 = 60;
    const AT_A_TIME: usize = 40;
    let run = |texts: &[&str]| {
        let begun = Instant::now();
        texts.iter().for_each(|text| read(text));
        begun.elapsed().as_secs_f64() * 1e6
    };
    let best = |texts| (0..ROUNDS).map(|_| run(texts)).fold(f64::MAX, f64::min);
    texts.chunks(AT_A_TIME).map(best).sum::<f64>() / texts.len().max(1) as f64
}
