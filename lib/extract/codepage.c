#include "lib/extract/extract_private.h"

struct page {
	unsigned number;
	const char *charset;
};

/* In all of them ASCII by itself is ASCII (but for the backslash of Johab): a
 * document that says another one than its reader takes hides none of it. */
static const struct page pages[] = {
    {367, "windows-1252"},
    {437, "cp437"},
    {708, "iso-8859-6"},
    {737, "cp737"},
    {775, "cp775"},
    {819, "iso-8859-1"},
    {850, "cp850"},
    {852, "cp852"},
    {855, "cp855"},
    {857, "cp857"},
    {858, "cp858"},
    {860, "cp860"},
    {861, "cp861"},
    {862, "cp862"},
    {863, "cp863"},
    {864, "cp864"},
    {865, "cp865"},
    {866, "cp866"},
    {869, "cp869"},
    {874, "cp874"},
    {932, "cp932"},
    {936, "gb18030"},
    {949, "cp949"},
    {950, "cp950"},
    {1250, "cp1250"},
    {1251, "cp1251"},
    {1252, "windows-1252"},
    {1253, "cp1253"},
    {1254, "cp1254"},
    {1255, "cp1255"},
    {1256, "cp1256"},
    {1257, "cp1257"},
    {1258, "cp1258"},
    {1361, "johab"},
    {10000, "macintosh"},
    {10007, "mac-cyrillic"},
    {20127, "windows-1252"},
    {20866, "koi8-r"},
    {20932, "euc-jp"},
    {21866, "koi8-u"},
    {28591, "iso-8859-1"},
    {28592, "iso-8859-2"},
    {28593, "iso-8859-3"},
    {28594, "iso-8859-4"},
    {28595, "iso-8859-5"},
    {28596, "iso-8859-6"},
    {28597, "iso-8859-7"},
    {28598, "iso-8859-8"},
    {28599, "iso-8859-9"},
    {28600, "iso-8859-10"},
    {28601, "iso-8859-11"},
    {28603, "iso-8859-13"},
    {28604, "iso-8859-14"},
    {28605, "iso-8859-15"},
    /* The Macintosh's and Windows' of Excel before 97. */
    {32768, "macintosh"},
    {32769, "windows-1252"},
    {38598, "iso-8859-8"},
    {51932, "euc-jp"},
    {51936, "gb18030"},
    {51949, "cp949"},
    {54936, "gb18030"},
    {65001, "utf-8"},
};

static const struct page mail_pages[] = {
    {1200, "utf-16le"},	    {1201, "utf-16be"},	    {50220, "iso-2022-jp"},
    {50221, "iso-2022-jp"}, {50222, "iso-2022-jp"}, {50225, "iso-2022-kr"},
    {65000, "utf-7"},
};

static const char *
find(const struct page *page, size_t n, unsigned number)
{
	for (; n > 0; page++, n--)
		if (page->number == number)
			return page->charset;
	return NULL;
}

const char *
ph_extract_codepage(unsigned number)
{
	return find(pages, G_N_ELEMENTS(pages), number);
}

const char *
ph_extract_codepage_of_mail(unsigned number)
{
	const char *charset = ph_extract_codepage(number);

	return charset != NULL
		   ? charset
		   : find(mail_pages, G_N_ELEMENTS(mail_pages), number);
}

const char *
ph_extract_charset_or_none(const char *charset)
{
	return charset != NULL ? charset : "no code page";
}
