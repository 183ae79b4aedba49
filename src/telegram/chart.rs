//! The figures as a picture, for a telephone: four panels of two bars. Drawn by hand, since bars and a few words need no
//! more than a canvas, a font and a PNG writer. The background is the picture's own: it reads the same in light and dark.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};

use crate::insight::kpi::Claim;
use crate::voice::{Chart, Panel};

/// How wide and high the picture is, in pixels.
pub const SIZE: (u32, u32) = (1080, 800);

const REGULAR: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans-Bold.ttf");

type Colour = [u8; 3];

const PAGE: Colour = [0xE9, 0xEC, 0xF0];
const CARD: Colour = [0xFF, 0xFF, 0xFF];
const INK: Colour = [0x1C, 0x24, 0x2E];
const FAINT: Colour = [0x56, 0x61, 0x6E];
const TRACK: Colour = [0xEE, 0xF0, 0xF3];
const BEFORE: Colour = [0xA9, 0xB3, 0xBF];
const BETTER: Colour = [0x1B, 0x7F, 0x4B];
const WORSE: Colour = [0xBE, 0x35, 0x2B];
const UNDECIDED: Colour = [0x3D, 0x6F, 0xB6];

/// Between and within panels, in pixels.
const GAP: u32 = 24;
const PADDING: u32 = 28;
const BAR: u32 = 46;
/// The most that a bar takes of a panel's width: its value stands behind it.
const BAR_WIDTH: f32 = 280.0;

/// The picture as a PNG.
pub fn draw(chart: &Chart) -> Vec<u8> {
    let mut canvas = Canvas::new();
    let (width, height) = ((SIZE.0 - 3 * GAP) / 2, (SIZE.1 - 3 * GAP) / 2);
    for (place, panel) in (0..).zip(&chart.panels) {
        let (left, top) = (GAP + (place % 2) * (width + GAP), GAP + (place / 2) * (height + GAP));
        canvas.fill((left, top), (width, height), CARD);
        canvas.panel((left + PADDING, top + PADDING), width - 2 * PADDING, panel);
    }
    canvas.into_png()
}

fn colour(claim: Option<Claim>) -> Colour {
    match claim {
        Some(Claim::Better) => BETTER,
        Some(Claim::Worse) => WORSE,
        None => UNDECIDED,
    }
}

/// Letters of one kind.
struct Letters {
    font: FontRef<'static>,
}

impl Letters {
    fn of(bytes: &'static [u8]) -> Self {
        Self { font: FontRef::try_from_slice(bytes).expect("the fonts in assets are fonts") }
    }

    /// The glyphs of a text whose baseline begins at (0, 0), and how wide it is.
    fn lay_out(&self, text: &str, size: f32) -> (Vec<Glyph>, f32) {
        let font = self.font.as_scaled(PxScale::from(size));
        let (mut glyphs, mut x, mut before) = (Vec::new(), 0.0, None);
        for letter in text.chars() {
            let id = font.glyph_id(letter);
            x += before.map_or(0.0, |before| font.kern(before, id));
            glyphs.push(id.with_scale_and_position(PxScale::from(size), point(x, 0.0)));
            x += font.h_advance(id);
            before = Some(id);
        }
        (glyphs, x)
    }
}

struct Canvas {
    pixels: Vec<u8>,
    regular: Letters,
    bold: Letters,
}

impl Canvas {
    fn new() -> Self {
        let pixels = PAGE.repeat(SIZE.0 as usize * SIZE.1 as usize);
        Self { pixels, regular: Letters::of(REGULAR), bold: Letters::of(BOLD) }
    }

    /// One panel, from its upper left corner on.
    fn panel(&mut self, (left, top): (u32, u32), width: u32, panel: &Panel) {
        self.write((left, top + 28), width, &panel.title, 30.0, INK, true);
        self.write((left, top + 64), width, &panel.verdict, 23.0, colour(panel.claim), false);
        for (place, bar) in (0..).zip(&panel.bars) {
            let top = top + 84 + place * 96;
            self.write((left, top + 22), width, &bar.label, 23.0, FAINT, false);
            let long = (BAR_WIDTH * bar.part as f32).round() as u32;
            let paint = if place == 0 { BEFORE } else { colour(panel.claim) };
            self.fill((left, top + 34), (BAR_WIDTH as u32, BAR), TRACK);
            self.fill((left, top + 34), (long, BAR), paint);
            let beside = left + BAR_WIDTH as u32 + 18;
            self.write((beside, top + 69), left + width - beside, &bar.shown, 34.0, INK, true);
        }
        self.write((left, top + 304), width, &panel.counts, 22.0, FAINT, false);
    }

    fn fill(&mut self, (left, top): (u32, u32), (width, height): (u32, u32), colour: Colour) {
        for y in top..(top + height).min(SIZE.1) {
            for x in left..(left + width).min(SIZE.0) {
                self.blend((x, y), colour, 1.0);
            }
        }
    }

    /// Writes a line from (left, baseline) on; smaller when it would be wider than `room`.
    fn write(&mut self, (left, baseline): (u32, u32), room: u32, text: &str, size: f32, colour: Colour, bold: bool) {
        let letters = if bold { &self.bold } else { &self.regular };
        let (_, wide) = letters.lay_out(text, size);
        let size = if wide > room as f32 { size * room as f32 / wide } else { size };
        let (glyphs, _) = letters.lay_out(text, size);
        let outlines: Vec<_> = glyphs.into_iter().filter_map(|glyph| letters.font.outline_glyph(glyph)).collect();
        for outline in outlines {
            let bounds = outline.px_bounds();
            outline.draw(|x, y, cover| {
                let x = left as f32 + bounds.min.x + x as f32;
                let y = baseline as f32 + bounds.min.y + y as f32;
                if x >= 0.0 && y >= 0.0 {
                    self.blend((x as u32, y as u32), colour, cover);
                }
            });
        }
    }

    fn blend(&mut self, (x, y): (u32, u32), colour: Colour, cover: f32) {
        if x >= SIZE.0 || y >= SIZE.1 {
            return;
        }
        let at = 3 * (y as usize * SIZE.0 as usize + x as usize);
        for (pixel, colour) in self.pixels[at..at + 3].iter_mut().zip(colour) {
            let mixed = f32::from(*pixel) + (f32::from(colour) - f32::from(*pixel)) * cover.clamp(0.0, 1.0);
            *pixel = mixed.round() as u8;
        }
    }

    fn into_png(self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, SIZE.0, SIZE.1);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.pixels));
        written.expect("a picture of this size can be written to memory");
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::Bar;

    fn chart(part: f64, claim: Option<Claim>) -> Chart {
        let bar = |part| Bar { label: "avant".to_owned(), shown: "44\u{a0}%".to_owned(), part };
        let panel = || Panel {
            title: "Réponse aux leads chauds".to_owned(),
            bars: [bar(1.0), bar(part)],
            verdict: "trop tôt pour conclure".to_owned(),
            claim,
            counts: "41/180 → 79/190".to_owned(),
        };
        Chart { panels: [panel(), panel(), panel(), panel()] }
    }

    fn pixels(chart: &Chart) -> Vec<u8> {
        let png = draw(chart);
        assert!(png.len() < 100_000, "{} bytes are much for a telephone", png.len());
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((frame.width, frame.height), SIZE);
        pixels
    }

    fn count(pixels: &[u8], colour: Colour) -> usize {
        pixels.chunks(3).filter(|pixel| *pixel == colour).count()
    }

    #[test]
    fn a_bar_is_as_long_as_its_value_and_of_the_colour_of_what_may_be_said() {
        for (claim, colour) in [(Some(Claim::Better), BETTER), (Some(Claim::Worse), WORSE), (None, UNDECIDED)] {
            let (half, whole) = (pixels(&chart(0.5, claim)), pixels(&chart(1.0, claim)));
            let more = count(&whole, colour) - count(&half, colour);
            assert_eq!(more, 4 * (BAR_WIDTH / 2.0) as usize * BAR as usize);
            assert_eq!(count(&half, BEFORE), 4 * BAR_WIDTH as usize * BAR as usize);
        }
    }

    /// WCAG 2: text has a contrast of at least 4.5 to what it stands on.
    #[test]
    fn words_can_be_read_on_their_background() {
        let light = |colour: Colour| -> f64 {
            let [r, g, b] = colour.map(|part| (f64::from(part) / 255.0).powf(2.2));
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        for ink in [INK, FAINT, BETTER, WORSE, UNDECIDED] {
            let contrast = (light(CARD) + 0.05) / (light(ink) + 0.05);
            assert!(contrast >= 4.5, "{ink:?}: {contrast:.1}");
        }
    }

    #[test]
    fn a_long_word_becomes_smaller_and_stays_in_its_panel() {
        let mut long = chart(0.0, None);
        long.panels.iter_mut().for_each(|panel| panel.title = "W".repeat(80));
        let pixels = pixels(&long);
        let gutter = (0..SIZE.1).map(|y| 3 * (y * SIZE.0 + SIZE.0 / 2) as usize);
        assert!(gutter.into_iter().all(|at| pixels[at..at + 3] == PAGE));
    }
}
