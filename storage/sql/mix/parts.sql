-- Appearances that are only part of a document, and the files their texts are in. In: tables appearances, pages.
-- Out: page, file, file_row, part.
SELECT page, file, file_row, part FROM appearances JOIN pages USING (page) WHERE part IS NOT NULL ORDER BY page
