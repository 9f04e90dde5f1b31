-- A document's beginning, as it goes into the corpus. In: $page, $part, $text, $tokens; table cuts.
INSERT INTO cuts VALUES ($page, $part, $text, $tokens)
