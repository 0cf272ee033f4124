#include "lib/extract/extract_private.h"

#include <string.h>

/*
 * PowerPoint 97 to 2003 (MS-PPT): records of 8 bytes' header (version 4 bits,
 * instance 12, type 16, size 32); version 15 is a container. All atoms of text
 * are wanted, whatever they are in, so a container is entered by going past its
 * header: no tree, no depth, and each byte is looked at once. What an earlier
 * save left in the stream is text too.
 */
#define HEADER 8
#define CONTAINER 0x0f

#define TEXT_CHARS 0x0fa0 /* UTF-16 */
#define TEXT_BYTES 0x0fa8 /* its low bytes */
#define C_STRING 0x0fba	  /* UTF-16: names, comments, headers, links */

#define TAG "___PPT" /* names what an extension of the format is */

/* Paragraphs end with CR, lines with VT. */
static void
put_text(struct ph_extract_job *job, struct ph_bytes text, size_t width)
{
	size_t begin = 0;

	for (size_t i = 0; i + width <= text.size && !ph_extract_full(job);
	     i += width) {
		unsigned c = width == 2 ? ph_bytes_u16(text, i) : text.p[i];
		struct ph_bytes run = ph_bytes_sub(text, begin, i - begin);

		if (c >= ' ')
			continue;
		if (width == 2)
			ph_extract_put_utf16(job, run);
		else
			ph_extract_put_latin1(job, run);
		ph_extract_separate(job, c == '\t' ? '\t' : '\n');
		begin = i + width;
	}
	if (width == 2)
		ph_extract_put_utf16(job, ph_bytes_sub(text, begin, text.size));
	else
		ph_extract_put_latin1(job,
				      ph_bytes_sub(text, begin, text.size));
	ph_extract_separate(job, '\n');
}

static bool
is_tag(struct ph_bytes text)
{
	for (size_t i = 0; i < strlen(TAG); i++)
		if (ph_bytes_u16(text, i * 2) != (unsigned char)TAG[i])
			return false;
	return true;
}

static void
take_atom(struct ph_extract_job *job, uint16_t type, struct ph_bytes atom)
{
	switch (type) {
	case TEXT_CHARS:
		put_text(job, atom, 2);
		break;
	case C_STRING:
		if (!is_tag(atom))
			put_text(job, atom, 2);
		break;
	case TEXT_BYTES:
		put_text(job, atom, 1);
		break;
	default:
		break;
	}
}

void
ph_extract_powerpoint(struct ph_extract_job *job, struct ph_bytes document)
{
	size_t at = 0;

	while (document.size - at >= HEADER && !ph_extract_full(job)) {
		uint16_t version = ph_bytes_u16(document, at);
		uint32_t size = ph_bytes_u32(document, at + 4);
		struct ph_bytes atom =
		    ph_bytes_sub(document, at + HEADER, size);

		at += HEADER;
		if ((version & CONTAINER) == CONTAINER)
			continue;
		job->result->damaged |= atom.size < size;
		take_atom(job, ph_bytes_u16(document, at - HEADER + 2), atom);
		at += atom.size;
	}
}
