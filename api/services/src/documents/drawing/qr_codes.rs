//! QR codes as rectangles.

use qrcodegen::{QrCode, QrCodeEcc, QrSegment, Version};

use super::Error;

/// The dark modules as rectangles, each left, top, width and height in modules, and the code's size in modules.
///
/// Error correction M and at most version 25, as QR-bills ask.
///
/// # Errors
/// [`Error::QrCode`] where the text is too long.
pub fn rectangles(text: &str) -> Result<(Vec<[f32; 4]>, f32), Error> {
    let segments = [QrSegment::make_bytes(text.as_bytes())];
    let largest = Version::new(25);
    let code = QrCode::encode_segments_advanced(&segments, QrCodeEcc::Medium, Version::MIN, largest, None, false)
        .map_err(|e| Error::QrCode(e.to_string()))?;
    let size = code.size();
    let mut rectangles = Vec::new();
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let dark = (x..size).take_while(|x| code.get_module(*x, y)).count();
            // At most 117 modules: exact as floats.
            let run = i32::try_from(dark).unwrap_or(0);
            if run > 0 {
                rectangles.push([x as f32, y as f32, run as f32, 1.0]);
            }
            x += run + 1;
        }
    }
    Ok((rectangles, size as f32))
}
