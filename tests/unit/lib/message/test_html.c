#include "lib/message/content.h"
#include "tests/unit/unit.h"

#include <string.h>

struct html_case {
	const char *html;
	const char *text;
};

static void
check_all(const struct html_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t size;
		g_autofree char *text = ph_html_to_text(
		    cases[i].html, strlen(cases[i].html), &size);

		ck_assert_msg(strcmp(text, cases[i].text) == 0, "%s: %s",
			      cases[i].html, text);
		ck_assert_uint_eq(size, strlen(text));
	}
}

START_TEST(test_tags)
{
	static const struct html_case cases[] = {
	    {"", ""},
	    {"plain text", "plain text"},
	    {"se<b>cr</b>et", "secret"},
	    {"se<span style='color:red'>cr</SPAN>et", "secret"},
	    {"se<wbr>cr<img src=x>et", "secret"},
	    {"one<br>two<BR/>three", "one\ntwo\nthree"},
	    {"<p>one</p>\n<p>two</p>", "one\ntwo\n"},
	    {"<div><p>one</p></div>two", "one\ntwo"},
	    {"<tr><td>a</td><td>b</td></tr><tr><td>c", "a b \nc"},
	    {"<h1>a</h1><ul><li>b<li>c</ul>d", "a\nb\nc\nd"},
	    {"<title>T</title><body>x", "T\nx"},
	    {"a<blink>b</blink>", "ab"},
	    {"<prefix>a", "a"},
	    {"<a href=\"x>y\" title='>'>link</a>", "link"},
	    {"<a b=c\"d>e", "e"},
	    {"<a\nhref\n=\n\">\">x", "x"},
	};

	check_all(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_hidden)
{
	static const struct html_case cases[] = {
	    {"a<!-- b -->c", "ac"},
	    {"a<!-- > -- -->c", "ac"},
	    {"a<!-->b<!--->c", "abc"},
	    {"a<!-- b --!>c", "ac"},
	    {"a<!-- b", "a<!-- b"},
	    {"a<!-- b>c", "ac"},
	    {"a<script>if (a<b) x('</p>')</script>b", "ab"},
	    {"a<SCRIPT src=x></Script >b", "ab"},
	    {"a<style>p { }</style>b", "ab"},
	    {"a<style>p</styles></style>b", "ab"},
	    {"a<style>never closed", "a"},
	    {"a<script></script", "a</script"},
	    {"a<!--[if mso]>out<![endif]-->b", "aoutb"},
	    {"a<![if !mso]>in<![endif]>b", "ainb"},
	    {"<!DOCTYPE html><?xml version='1'?>a</>b</ c>d", "abd"},
	};

	check_all(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_entities)
{
	static const struct html_case cases[] = {
	    {"a&amp;b&lt;&gt;&quot;&apos;", "a&b<>\"'"},
	    {"&eacute;&Eacute;&euro;&thetasym;", "éÉ€ϑ"},
	    {"&#233;&#xe9;&#XE9;", "ééé"},
	    {"&#128;&#150;", "€–"},
	    {"&#0;&#xd800;&#x110000;&#99999999999;",
	     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"&copy2024&ampx&euro", "©2024&x&euro"},
	    {"&nosuch;&;&#;&#x;& &", "&nosuch;&;&#;&#x;& &"},
	    {"a&nbsp;b\xc2\xa0"
	     "c",
	     "a b c"},
	    {"&lt;b&gt;", "<b>"},
	    {"&#115&#101;c", "sec"},
	    {"user&commat;x&period;test&colon;&num;1&lpar;a&rpar;",
	     "user@x.test:#1(a)"},
	    {"a&Tab;b&NewLine;c", "a\tb\nc"},
	    {"&AMP;&LT&GT;", "&<>"},
	    {"&numx&period", "&numx&period"},
	    {"&sscr;e&cfr;", "𝓈e𝔠"},
	};

	check_all(cases, G_N_ELEMENTS(cases));
}
END_TEST

/* As a browser shows it. */
START_TEST(test_space)
{
	static const struct html_case cases[] = {
	    {"4111 1111\n1111\r\n\t1111", "4111 1111 1111 1111"},
	    {" \n <p>  a   b \n</p>\n\n c", "a b \nc"},
	    {"a <b> b</b> c&nbsp; d", "a b c d"},
	    {"<td>a</td>\n<td>b</td>", "a b "},
	    {"<PRE>a\n  b</PRE>c\n  d", "a\n  b\nc d"},
	    {"<pre>a\n  b", "a\n  b"},
	    {"a ", "a "},
	};

	check_all(cases, G_N_ELEMENTS(cases));
}
END_TEST

/* Characters without width cut words for a rule and not for a reader. */
START_TEST(test_invisible)
{
	static const struct html_case cases[] = {
	    {"se&shy;cr&zwnj;e&zwj;t", "secret"},
	    {"se&#8203;cr&#xFEFF;et", "secret"},
	    {"se\xc2\xad"
	     "cr\xe2\x80\x8b"
	     "e\xef\xbb\xbft",
	     "secret"},
	    {"a\xe2\x82\xac\xc2\xa9\xef\xac\x80", "a€©ﬀ"},
	    {"s&ZeroWidthSpace;e&NoBreak;c&InvisibleTimes;r&lrm;e&rlm;t",
	     "secret"},
	    {"s\u034fe\u180ec\u202ar\u2063e\ufe0ft\U000e0020", "secret"},
	    {"αͿ\u0378 اب ệ ა \U000f0000",
	     "αͿ\u0378 اب ệ ა \U000f0000"},
	};

	check_all(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_malformed)
{
	static const struct html_case cases[] = {
	    {"1 < 2 <3 <- <", "1 < 2 <3 <- <"},
	    {"a<b", "a<b"},
	    {"a<b c", "a<b c"},
	    {"a</", "a</"},
	    {"a</b", "a</b"},
	    {"a<!", "a<!"},
	    /* An open quote does not hide the rest. */
	    {"<a href=\"x>secret</a> text", "secret text"},
	    {"<a href='x>secret <b c=\">d", "secret d"},
	    {"<p<p>x", "x"},
	};

	check_all(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_nul)
{
	size_t size;
	g_autofree char *text = ph_html_to_text("a\0b<\0>", 6, &size);

	ck_assert_str_eq(text, "a\xef\xbf\xbd"
			       "b<\xef\xbf\xbd>");
	ck_assert_uint_eq(size, strlen(text));
}
END_TEST

/* A megabyte of each would take hours if a rest were read again and again. */
START_TEST(test_long)
{
	static const char *const pieces[] = {
	    "<",       "<a",	     "<a \"",	    "<a b=\"",
	    "<!--",    "<!-- <a>",   "</script",    "<script>",
	    "&aaaaaa", "&#",	     "<a b='>",	    "<!--[if",
	    "<?",      "<a<a",	     "<a b=\">\" ", "<style></stylex",
	    "<p>",     "<a b=\"'>'", "</",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
		GString *html = g_string_new("<script></script>");
		g_autofree char *text = NULL;
		size_t size;

		while (html->len < 1000000)
			g_string_append(html, pieces[i]);
		text = ph_html_to_text(html->str, html->len, &size);
		ck_assert_uint_le(size, html->len);
		ck_assert(g_utf8_validate(text, (gssize)size, NULL));
		g_string_free(html, TRUE);
	}
}
END_TEST

UNIT_MAIN("lib/message/html", test_tags, test_hidden, test_entities, test_space,
	  test_invisible, test_malformed, test_nul, test_long)
