#include "lib/base/table.h"
#include "lib/extract/rtf_private.h"

#include <string.h>

/* Control words that matter for text; the array is the only list, sorted. */
enum kind {
	CHARACTER, /* value: the character */
	SKIP,	   /* a destination that is no text */
	TEXT,	   /* one that is, behind \* too */
	ASIDE,	   /* one whose text goes behind all other */
	FONTS,
	INFO,
	PROPERTY, /* a destination whose text is a property */
	DATE,
	USER_NAME, /* of a property that the user defined */
	USER_VALUE,
	DATE_PART, /* value: its place in the date */
	UNICODE,
	REPLACED,
	BINARY,
	CODEPAGE,
	CODEPAGE_IS, /* value: the code page */
	FONT,
	FONT_CHARSET,
	FONT_CODEPAGE,
	PLAIN, /* the default font again */
};

struct rtf_word {
	const char *name;
	enum kind kind;
	unsigned value;
};

static const struct rtf_word words[] = {
    {"annotation", ASIDE, 0},
    {"ansicpg", CODEPAGE, 0},
    {"atnauthor", SKIP, 0},
    {"atnid", SKIP, 0},
    {"author", PROPERTY, 0},
    {"bin", BINARY, 0},
    {"bkmkend", SKIP, 0},
    {"bkmkstart", SKIP, 0},
    {"blipuid", SKIP, 0},
    {"bullet", CHARACTER, 0x2022},
    {"buptim", DATE, 0},
    {"category", PROPERTY, 0},
    {"cell", CHARACTER, '\t'},
    {"colortbl", SKIP, 0},
    {"column", CHARACTER, '\n'},
    {"comment", PROPERTY, 0},
    {"company", PROPERTY, 0},
    {"cpg", FONT_CODEPAGE, 0},
    {"creatim", DATE, 0},
    {"datafield", SKIP, 0},
    {"datastore", SKIP, 0},
    {"doccomm", PROPERTY, 0},
    {"dy", DATE_PART, 2},
    {"emdash", CHARACTER, 0x2014},
    {"emspace", CHARACTER, ' '},
    {"endash", CHARACTER, 0x2013},
    {"enspace", CHARACTER, ' '},
    {"f", FONT, 0},
    {"falt", SKIP, 0},
    {"fcharset", FONT_CHARSET, 0},
    {"filetbl", SKIP, 0},
    {"fldinst", ASIDE, 0},
    {"fonttbl", FONTS, 0},
    {"footer", ASIDE, 0},
    {"footerf", ASIDE, 0},
    {"footerl", ASIDE, 0},
    {"footerr", ASIDE, 0},
    {"footnote", ASIDE, 0},
    {"generator", SKIP, 0},
    {"header", ASIDE, 0},
    {"headerf", ASIDE, 0},
    {"headerl", ASIDE, 0},
    {"headerr", ASIDE, 0},
    {"hlinkbase", PROPERTY, 0},
    {"hr", DATE_PART, 3},
    {"info", INFO, 0},
    {"keywords", PROPERTY, 0},
    {"latentstyles", SKIP, 0},
    {"ldblquote", CHARACTER, 0x201c},
    {"line", CHARACTER, '\n'},
    {"listoverridetable", SKIP, 0},
    {"listtable", SKIP, 0},
    {"lquote", CHARACTER, 0x2018},
    {"mac", CODEPAGE_IS, 10000},
    {"manager", PROPERTY, 0},
    {"min", DATE_PART, 4},
    {"mo", DATE_PART, 1},
    {"nestcell", CHARACTER, '\t'},
    {"nestrow", CHARACTER, '\n'},
    {"nonshppict", SKIP, 0},
    {"objclass", SKIP, 0},
    {"objdata", SKIP, 0},
    {"objname", SKIP, 0},
    {"operator", PROPERTY, 0},
    {"page", CHARACTER, '\n'},
    {"panose", SKIP, 0},
    {"par", CHARACTER, '\n'},
    {"pc", CODEPAGE_IS, 437},
    {"pca", CODEPAGE_IS, 850},
    {"pict", SKIP, 0},
    {"plain", PLAIN, 0},
    {"pnseclvl", SKIP, 0},
    {"printim", DATE, 0},
    {"private", SKIP, 0},
    {"propname", USER_NAME, 0},
    {"qmspace", CHARACTER, ' '},
    {"rdblquote", CHARACTER, 0x201d},
    {"revtbl", SKIP, 0},
    {"revtim", DATE, 0},
    {"row", CHARACTER, '\n'},
    {"rquote", CHARACTER, 0x2019},
    {"rsidtbl", SKIP, 0},
    {"sec", DATE_PART, 5},
    {"sect", CHARACTER, '\n'},
    {"shpinst", TEXT, 0},
    {"shptxt", ASIDE, 0},
    {"sn", SKIP, 0},
    {"staticval", USER_VALUE, 0},
    {"stylesheet", SKIP, 0},
    {"subject", PROPERTY, 0},
    {"sv", SKIP, 0},
    {"tab", CHARACTER, '\t'},
    {"themedata", SKIP, 0},
    {"title", PROPERTY, 0},
    {"u", UNICODE, 0},
    {"uc", REPLACED, 0},
    {"ud", TEXT, 0},
    {"userprops", INFO, 0},
    {"xe", ASIDE, 0},
    {"xmlnstbl", SKIP, 0},
    {"yr", DATE_PART, 0},
};

/* ---- code pages --------------------------------------------------------- */

static const struct {
	unsigned charset; /* \fcharset */
	unsigned codepage;
} font_charsets[] = {
    {77, 10000}, {128, 932},  {129, 949},  {130, 1361},
    {134, 936},	 {136, 950},  {161, 1253}, {162, 1254},
    {163, 1258}, {177, 1255}, {178, 1256}, {186, 1257},
    {204, 1251}, {222, 874},  {238, 1250}, {255, 437},
};

static const char *
find_font_charset(unsigned number)
{
	for (size_t i = 0; i < G_N_ELEMENTS(font_charsets); i++)
		if (font_charsets[i].charset == number)
			return ph_extract_codepage(font_charsets[i].codepage);
	return NULL;
}

static void
set_codepage(struct rtf *r, unsigned number)
{
	const char *charset = ph_extract_codepage(number);

	if (charset != NULL)
		ph_rtf_group(r)->charset = r->charset = charset;
}

static void
set_font(struct rtf *r, int number)
{
	struct rtf_group *group = ph_rtf_group(r);
	bool known = number >= 0 && number < RTF_FONTS;

	if (group->destination == DEST_FONTS)
		r->font = known ? number : RTF_FONTS;
	else if (known && r->fonts[number] != NULL)
		group->charset = r->fonts[number];
	else
		group->charset = r->charset;
}

static void
declare_font(struct rtf *r, const char *charset)
{
	if (ph_rtf_group(r)->destination == DEST_FONTS && r->font < RTF_FONTS &&
	    charset != NULL)
		r->fonts[r->font] = charset;
}

/* ---- destinations ------------------------------------------------------- */

static void
skip_group(struct rtf *r)
{
	ph_rtf_flush(r);
	ph_rtf_group(r)->destination = DEST_SKIP;
}

static void
begin_property(struct rtf *r, const struct rtf_word *word)
{
	struct rtf_group *group = ph_rtf_group(r);

	/* Elsewhere these words are no destinations. */
	if (group->destination != DEST_INFO)
		return;
	ph_rtf_flush(r);
	group->destination = word->kind == DATE ? DEST_DATE : DEST_PROPERTY;
	group->begins = word;
	g_string_truncate(r->property, 0);
	memset(r->date, 0, sizeof(r->date));
	r->job->result->text = r->property;
}

static void
begin_aside(struct rtf *r, const struct rtf_word *word)
{
	struct rtf_group *group = ph_rtf_group(r);

	if (group->destination != DEST_TEXT || group->aside)
		return;
	ph_rtf_flush(r);
	group->begins = word;
	group->aside = true;
	r->job->result->text = r->aside;
	ph_extract_separate(r->job, '\n');
}

static void
end_date(struct rtf *r, const char *name)
{
	const int *d = r->date;
	g_autofree char *text =
	    g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02dZ", d[0], d[1], d[2],
			    d[3], d[4], d[5]);

	if (d[0] > 0)
		ph_extract_known_property(r->job, name, text);
}

static void
end_property(struct rtf *r, const struct rtf_word *word)
{
	const char *value = r->property->str;

	switch (word->kind) {
	case DATE:
		end_date(r, word->name);
		break;
	case USER_NAME:
		g_free(r->property_name);
		r->property_name = g_strdup(value);
		break;
	case USER_VALUE:
		if (r->property_name != NULL)
			ph_extract_property(r->job, r->property_name, value);
		g_clear_pointer(&r->property_name, g_free);
		break;
	default:
		ph_extract_known_property(r->job, word->name, value);
		break;
	}
}

void
ph_rtf_end_destination(struct rtf *r, const struct rtf_word *word)
{
	ph_rtf_flush(r);
	if (word->kind == ASIDE)
		ph_extract_separate(r->job, '\n');
	r->job->result->text = r->main;
	if (word->kind != ASIDE) {
		r->job->result->truncated = false;
		end_property(r, word);
	}
}

/* ---- words -------------------------------------------------------------- */

static void
skip_bytes(struct rtf *r, int number)
{
	size_t left = (size_t)(r->end - r->p);

	r->p += MIN((size_t)MAX(number, 0), left);
}

static void
begin_destination(struct rtf *r, const struct rtf_word *word)
{
	struct rtf_group *group = ph_rtf_group(r);

	/* What is beyond the depth has no group of its own. */
	if (r->deeper > 0 || group->destination == DEST_SKIP)
		return;
	switch (word->kind) {
	case SKIP:
		skip_group(r);
		break;
	case ASIDE:
		begin_aside(r, word);
		break;
	case FONTS:
		ph_rtf_flush(r);
		group->destination = DEST_FONTS;
		break;
	case INFO:
		ph_rtf_flush(r);
		group->destination = DEST_INFO;
		break;
	default:
		begin_property(r, word);
		break;
	}
}

static void
take_date_part(struct rtf *r, unsigned place, int number)
{
	if (ph_rtf_group(r)->destination == DEST_DATE && number >= 0 &&
	    number <= 9999)
		r->date[place] = number;
}

static void
take(struct rtf *r, const struct rtf_word *word, int number, bool has)
{
	struct rtf_group *group = ph_rtf_group(r);

	switch (word->kind) {
	case CHARACTER:
		ph_rtf_put(r, word->value);
		break;
	case TEXT:
		break;
	case SKIP:
	case ASIDE:
	case FONTS:
	case INFO:
	case PROPERTY:
	case DATE:
	case USER_NAME:
	case USER_VALUE:
		begin_destination(r, word);
		break;
	case DATE_PART:
		take_date_part(r, word->value, number);
		break;
	case UNICODE:
		ph_rtf_put_unicode(r, number);
		break;
	case REPLACED:
		group->replaced = (unsigned)CLAMP(has ? number : 1, 0, 100);
		break;
	case BINARY:
		skip_bytes(r, number);
		break;
	case CODEPAGE:
		set_codepage(r, (unsigned)number);
		break;
	case CODEPAGE_IS:
		set_codepage(r, word->value);
		break;
	case FONT:
		set_font(r, number);
		break;
	case FONT_CHARSET:
		declare_font(r, find_font_charset((unsigned)number));
		break;
	case FONT_CODEPAGE:
		declare_font(r, ph_extract_codepage((unsigned)number));
		break;
	case PLAIN:
		group->charset = r->charset;
		break;
	}
}

void
ph_rtf_control(struct rtf *r, const char *name, int number, bool has)
{
	const struct rtf_word *word =
	    ph_table_find(name, words, G_N_ELEMENTS(words), sizeof(words[0]));

	if (word != NULL)
		take(r, word, number, has);
	else if (r->optional && r->deeper == 0)
		skip_group(r);
	else if (r->skip > 0)
		r->skip--;
}
