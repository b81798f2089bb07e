//! What the files of a directory hold, as far as it can be believed.
//!
//! A Parquet file says it in its footer. The manifest adds the checksum of the file, and remembers the footer: if a file still
//! has the same one, it need not be decoded. A CSV file is believed if the manifest lists it with its size.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::error::ExportError;
use super::footer::Footer;
use super::manifest::{Manifest, ManifestState, PartEntry};
use super::partition::Partition;
use super::relation::DataFormat;
use super::scan::{FoundPart, FoundParts};
use super::settings::FileSettings;
use crate::model::SlotLabel;

/// The partitions of a directory.
pub(super) struct HeldParts {
    /// The settings of the files. If the files differ, those of one that differs from this export's.
    pub(super) settings: FileSettings,
    /// The partitions that are whole, with their parts.
    pub(super) files: BTreeMap<Partition, Vec<PartEntry>>,
    /// The partitions that may hold wrong rows.
    pub(super) broken: BTreeSet<Partition>,
}

/// A part, and whether it is what it should be.
struct HeldPart {
    entry: PartEntry,
    is_whole: bool,
}

impl HeldParts {
    /// Finds out what the parts in `root` hold. Files of another selection, and files that no export wrote, are errors.
    pub(super) fn of(
        root: &Path,
        found: &FoundParts,
        listed: Option<&Manifest>,
        wanted: &FileSettings,
    ) -> Result<Self, ExportError> {
        let listed_settings = listed.map_or(wanted, |manifest| &manifest.settings);
        if !found.parts.is_empty() && listed_settings.domains != wanted.domains {
            return Err(ExportError::other_selection(
                root,
                listed_settings.domains.as_deref(),
            ));
        }
        // A Parquet file says by which label it was cut. A CSV file cannot.
        let settings = match wanted.format {
            DataFormat::Parquet => wanted,
            DataFormat::Csv => listed_settings,
        };
        let mut held = Self {
            settings: settings.clone(),
            files: BTreeMap::new(),
            broken: BTreeSet::new(),
        };
        for (partition, parts) in &found.parts {
            let known = listed.and_then(|manifest| manifest.files.get(partition));
            let listing = Listing {
                parts: known.map_or(&[], Vec::as_slice),
                is_certain: listed.is_some_and(|manifest| manifest.state == ManifestState::Complete),
            };
            let mut entries = Vec::new();
            for (number, part) in parts {
                let one = match part.format {
                    DataFormat::Parquet => held.parquet((root, wanted), (*number, part), &listing)?,
                    DataFormat::Csv => csv((*number, part), &listing)?,
                };
                let is_next =
                    entries.len() == *number && !entries.last().is_some_and(|last: &PartEntry| last.is_last);
                match one.filter(|one| one.is_whole && is_next) {
                    Some(one) => entries.push(one.entry),
                    None => {
                        held.broken.insert(partition.clone());
                    }
                }
            }
            let is_one = entries
                .iter()
                .all(|part| Some(&part.content) == entries.first().map(|first| &first.content));
            let is_ended = entries.last().is_some_and(|last| last.is_last);
            if is_one && is_ended && !held.broken.contains(partition) {
                held.files.insert(partition.clone(), entries);
            } else {
                held.broken.insert(partition.clone());
            }
        }
        Ok(held)
    }

    /// Reads what a Parquet file says; `None` if it is damaged.
    fn parquet(
        &mut self,
        (root, wanted): (&Path, &FileSettings),
        (number, part): (usize, &FoundPart),
        listing: &Listing<'_>,
    ) -> Result<Option<HeldPart>, ExportError> {
        let bytes = Footer::bytes(&part.path).unwrap_or_default();
        let footer_crc32 = Footer::crc32(&bytes);
        if let Some(entry) = listing.remembered((number, part), (&bytes, footer_crc32), wanted.label) {
            let entry = entry.clone();
            return Ok(Some(HeldPart {
                entry,
                is_whole: true,
            }));
        }
        let Some((footer, rows)) = Footer::read(&part.path) else {
            // A listed file was written here and damaged since. Any other belongs to somebody else, and engines would
            // read it, too.
            return match listing.parts.get(number) {
                Some(_) => Ok(None),
                None => Err(ExportError::NotAPart {
                    path: part.path.clone(),
                }),
            };
        };
        if footer.domains != wanted.domains {
            return Err(ExportError::other_selection(root, footer.domains.as_deref()));
        }
        if footer.label != wanted.label {
            self.settings.label = footer.label;
        }
        let mut entry = PartEntry {
            rows,
            bytes: part.bytes,
            sha256: String::new(),
            content: footer.content,
            is_last: footer.is_last,
            classes: footer.classes,
            footer_crc32: None,
        };
        let known = listing.parts.get(number).filter(|known| {
            entry.sha256.clone_from(&known.sha256);
            entry.footer_crc32 = known.footer_crc32;
            **known == entry
        });
        // Damage that decoding does not find, such as in the statistics that engines go by.
        let written = known.and_then(|known| known.footer_crc32);
        let is_as_written = written.is_none_or(|written| written == footer_crc32);
        let mut is_whole = footer.part == number && is_as_written;
        match known {
            Some(_) if listing.is_certain => {}
            _ => {
                entry.sha256 = part.sha256()?;
                is_whole &= known.is_none_or(|known| known.sha256 == entry.sha256);
            }
        }
        entry.footer_crc32 = Some(footer_crc32);
        Ok(Some(HeldPart { entry, is_whole }))
    }
}

/// What a manifest that can be believed says about the parts of a partition.
struct Listing<'m> {
    parts: &'m [PartEntry],
    /// No export was interrupted since.
    is_certain: bool,
}

impl Listing<'_> {
    /// Returns the entry of a Parquet file that has the footer which an export wrote or decoded. So a directory of years costs
    /// little where nothing is new. The footer has to name the content, because an edited manifest does not make an old file a
    /// new one, and the label: an export that was interrupted leaves files of two labels.
    fn remembered(
        &self,
        (number, part): (usize, &FoundPart),
        (footer, crc32): (&[u8], u32),
        label: SlotLabel,
    ) -> Option<&PartEntry> {
        let entry = self.parts.get(number)?;
        let is_same = entry.bytes == part.bytes
            && entry.footer_crc32 == Some(crc32)
            && Footer::names(footer, &entry.content, label);
        (self.is_certain && is_same).then_some(entry)
    }
}

/// Returns what the manifest says about a CSV file; `None` if it cannot be believed.
fn csv((number, part): (usize, &FoundPart), listing: &Listing<'_>) -> Result<Option<HeldPart>, ExportError> {
    let Some(known) = listing.parts.get(number) else {
        // It is left over from an interrupted export, or the manifest is lost.
        return if listing.is_certain {
            Err(ExportError::NotAPart {
                path: part.path.clone(),
            })
        } else {
            Ok(None)
        };
    };
    let is_whole = known.bytes == part.bytes && (listing.is_certain || part.sha256()? == known.sha256);
    Ok(Some(HeldPart {
        entry: known.clone(),
        is_whole,
    }))
}
