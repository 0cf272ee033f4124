#include "lib/message/content.h"
#include "tests/unit/lib/message/mail.h"
#include "tests/unit/unit.h"

#include <string.h>

/* What a message is made of. */
struct tree_case {
	const char *text;
	const char *parts;
	const char *texts;
	const char *reason;
};

static void
check_tree(const struct tree_case *c)
{
	struct mail mail;
	g_autofree char *parts = NULL;
	g_autofree char *texts = NULL;

	mail_open(&mail, c->text, strlen(c->text));
	parts = mail_parts(&mail);
	texts = mail_texts(&mail);
	ck_assert_msg(strcmp(parts, c->parts) == 0, "%s\nparts: %s", c->text,
		      parts);
	ck_assert_msg(strcmp(texts, c->texts) == 0, "%s\ntexts: %s", c->text,
		      texts);
	ck_assert_msg(strcmp(mail_reason(&mail), c->reason) == 0,
		      "%s\nreason: %s", c->text, mail_reason(&mail));
	ck_assert(!ph_content_truncated(mail.content));
	mail_close(&mail);
}

static void
check_trees(const struct tree_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_tree(&cases[i]);
}

START_TEST(test_single)
{
	static const struct tree_case cases[] = {
	    {"Subject: x\n\nhello\n", "1 text/plain [] 6;", "hello\n|", ""},
	    {"Subject: x\r\n\r\na\r\nb\r\n", "1 text/plain [] 6;", "a\nb\n|",
	     ""},
	    {"Content-Type: text/html\n\n<p>one</p>two", "1 text/html [] 13;",
	     "one\ntwo|", ""},
	    {"Content-Type: TEXT/Enriched\n\n<bold>x", "1 text/enriched [] 7;",
	     "<bold>x|x|", ""},
	    {"Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n"
	     "c2UAY3IAZXQ=",
	     "1 text/html [] 8;",
	     "se\xef\xbf\xbd"
	     "cr\xef\xbf\xbd"
	     "et|secret|",
	     ""},
	    {"Content-Type: text/plain\n"
	     "Content-Transfer-Encoding: quoted-printable\n\nse=00cret",
	     "1 text/plain [] 7;",
	     "se\xef\xbf\xbd"
	     "cret|secret|",
	     ""},
	    {"Content-Type: text/plain;\n format=flowed\n\na \nb",
	     "1 text/plain [] 4;", "a \nb|", ""},
	    /* Some readers join these lines, others do not. */
	    {"Content-Type: text/plain; format=flowed; DelSp=\"Yes\"\n\n"
	     "a sec \nret\nb\n> c  \n>  d\n",
	     "1 text/plain [] 24;",
	     "a sec \nret\nb\n> c  \n>  d\n|a secret\nb\n> c  d\n|", ""},
	    {"Content-Type: application/pdf\n\n%PDF",
	     "1 application/pdf [] 4 a;", "", ""},
	    /* All there is, so readers show it, whatever it is called. */
	    {"Content-Type: text/plain; name=a.txt\n\nx",
	     "1 text/plain [a.txt] 1 a;", "x|", ""},
	    {"Content-Disposition: attachment\n\nx", "1 text/plain [] 1 a;",
	     "x|", ""},
	    {"Content-Disposition: inline\n\nx", "1 text/plain [] 1;", "x|",
	     ""},
	    {"Subject: no body\n\n", "1 text/plain [] 0;", "|", ""},
	    {"", "1 text/plain [] 0;", "|", ""},
	    {"\n\nno header", "1 text/plain [] 9;", "no header|", ""},
	    {"Content-Type:\n\nx", "1 text/plain [] 1;", "x|",
	     "malformed Content-Type"},
	    {"Content-Type: text\n\nx", "1 text/plain [] 1;", "x|",
	     "malformed Content-Type"},
	    {"Content-Type: text/html charset=utf-8\n\n<b>x",
	     "1 text/html [] 4;", "x|", "malformed Content-Type"},
	};

	check_trees(cases, G_N_ELEMENTS(cases));
}
END_TEST

#define MIXED "Content-Type: multipart/mixed; boundary=b\n\n"
#define ALTERNATIVE                                                          \
	"Content-Type: multipart/alternative; boundary=\"c d\"\n\n--c d\n\n" \
	"plain\n--c d\nContent-Type: text/html\n\n<i>ht</i>ml\n--c d--\n"

START_TEST(test_multipart)
{
	static const struct tree_case cases[] = {
	    {MIXED "preamble\n--b\n\none\n--b\nContent-Type: image/png\n"
		   "Content-Transfer-Encoding: base64\n\nAAAA\n--b--\nepilogue",
	     "1 text/plain [] 3;2 image/png [] 3 a;", "one|", ""},
	    {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
	     "one\r\n\r\n--b \t\r\n\r\n--b--\r\n",
	     "1 text/plain [] 5;2 text/plain [] 0;", "one\n||", ""},
	    {ALTERNATIVE, "1 text/plain [] 5;2 text/html [] 11;", "plain|html|",
	     ""},
	    /* Shown among the text by many, but for the last. */
	    {MIXED "--b\nContent-Type: text/plain; name=a\n\none\n--b\n"
		   "Content-Disposition: inline; filename=b\n\ntwo\n--b\n"
		   "Content-Disposition: attachment; filename=c\n\nthree\n"
		   "--b--",
	     "1 text/plain [a] 3 a;2 text/plain [b] 3 a;3 text/plain [c] 5 a;",
	     "one|two|", ""},
	    {MIXED "--b\n" ALTERNATIVE
		   "\n--b\nContent-Type: text/plain\n\nfooter\n--b--",
	     "1.1 text/plain [] 5;1.2 text/html [] 11;2 text/plain [] 6;",
	     "plain|html|footer|", ""},
	    /* A boundary that begins another is not it. */
	    {MIXED "--b\n\none\n--bb\ntwo\n--b--x\n--b--",
	     "1 text/plain [] 19;", "one\n--bb\ntwo\n--b--x|", ""},
	    {"Content-Type: multipart/digest; boundary=b\n\n--b\n\n"
	     "Subject: x\n\ninside\n--b--\n",
	     "1 message/rfc822 [] 18 a m;1.1 text/plain [] 6;", "inside|", ""},
	    /* The end of the outer is the end of the inner. */
	    {MIXED "--b\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\n"
		   "one\n--b\n\ntwo\n--b--",
	     "1.1 text/plain [] 3;2 text/plain [] 3;", "one|two|",
	     "the last boundary is missing"},
	};

	check_trees(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_attached)
{
	static const struct tree_case cases[] = {
	    {"Content-Type: message/rfc822\n\nSubject: x\n\ninside",
	     "1 message/rfc822 [] 18 a m;1.1 text/plain [] 6;", "inside|", ""},
	    {MIXED "--b\n\nsee\n--b\nContent-Type: message/rfc822;\n"
		   " name=\"f.eml\"\n\n" ALTERNATIVE "--b--",
	     "1 text/plain [] 3;2 message/rfc822 [f.eml] 116 a m;"
	     "2.1 text/plain [] 5;2.2 text/html [] 11;",
	     "see|plain|html|", ""},
	    /* Encoded against RFC 2046, as some senders do. */
	    {"Content-Type: message/rfc822\n"
	     "Content-Transfer-Encoding: base64\n\n"
	     "U3ViamVjdDogeAoKaW5zaWRl\n",
	     "1 message/rfc822 [] 18 a m;1.1 text/plain [] 6;", "inside|", ""},
	    {"Content-Type: message/rfc822\n\nFrom x@y Mon\nSubject: x\n\nin",
	     "1 message/rfc822 [] 27 a m;1.1 text/plain [] 2;", "in|", ""},
	    {"Content-Type: application/ms-tnef; name=winmail.dat\n\nx",
	     "1 application/ms-tnef [winmail.dat] 1 a;", "", ""},
	};

	check_trees(cases, G_N_ELEMENTS(cases));
}
END_TEST

/* Whatever a reader makes of it, a rule sees it. */
START_TEST(test_ambiguous)
{
	static const struct tree_case cases[] = {
	    {"Content-Type: text/plain\n" MIXED "--b\n\none\n--b\n"
	     "Content-Type: application/x; name=a.exe\n\nMZ\n--b--",
	     "1 text/plain [] 62;1 text/plain [] 3;2 application/x [a.exe] 2 "
	     "a;",
	     "--b\n\none\n--b\nContent-Type: application/x; "
	     "name=a.exe\n\nMZ\n--b--|one|",
	     "several Content-Type fields"},
	    {"Content-Type: text/plain\nContent-Type: text/html\n\na<b>c",
	     "1 text/plain [] 5;1 text/html [] 5;", "a<b>c|ac|",
	     "several Content-Type fields"},
	    {"Content-Type: text/plain\nContent-Type: text/plain\n\nx",
	     "1 text/plain [] 1;", "x|", ""},
	    {"Content-Type: multipart/mixed\n\n--b\n\none\n--b--", "",
	     "--b\n\none\n--b--|", "a multipart without boundary"},
	    {"Content-Type: multipart/mixed; boundary=\"\"\n\nx", "", "x|",
	     "a multipart without boundary"},
	    {MIXED "no such line\n", "", "no such line\n|",
	     "a multipart without parts"},
	    {MIXED "--c\n\nx\n--c--", "", "--c\n\nx\n--c--|",
	     "a multipart without parts"},
	    {MIXED "--b\n\none", "1 text/plain [] 3;", "one|",
	     "the last boundary is missing"},
	    {MIXED "--b\n\none\n--b--\n--b\n\ntwo\n--b--",
	     "1 text/plain [] 3;2 text/plain [] 3;", "one|two|",
	     "a part after the last boundary"},
	    {MIXED "--c\ncontent-type: text/plain\n\nzero\n--b\n\none\n--b--",
	     "1 text/plain [] 3;", "one|", "a part before the first boundary"},
	    {MIXED "--b\nsecret\nContent-Type: application/x; name=a.exe\n\nMZ"
		   "\n--b--",
	     "1 application/x [a.exe] 2 a;",
	     "secret\nContent-Type: application/x; name=a.exe\n\nMZ|",
	     "malformed header of a part"},
	    {"Content-Type: multipart/mixed; boundary=b; boundary=c\n\n"
	     "--b\n\none\n--b--",
	     "1 text/plain [] 3;", "one|--b\n\none\n--b--|",
	     "malformed Content-Type"},
	    /* One reader takes the first boundary, another the last, and a
	     * third that of RFC 2231. */
	    {"Content-Type: multipart/mixed; boundary=b; boundary=c\n\n"
	     "--b\n\none\n--c\nContent-Type: application/x; name=a.exe\n\nMZ"
	     "\n--c--\n--b--",
	     "1 text/plain [] 57;1 application/x [a.exe] 2 a;",
	     "one\n--c\nContent-Type: application/x; name=a.exe\n\nMZ\n--c--|"
	     "--b\n\none\n--c\nContent-Type: application/x; "
	     "name=a.exe\n\nMZ\n--c--\n--b--|",
	     "malformed Content-Type"},
	    {"Content-Type: multipart/mixed; boundary=c; "
	     "boundary*=us-ascii''b\n\n"
	     "--b\n\none\n--c\nContent-Type: application/x; name=a.exe\n\nMZ"
	     "\n--c--\n--b--",
	     "1 text/plain [] 57;1 application/x [a.exe] 2 a;",
	     "one\n--c\nContent-Type: application/x; name=a.exe\n\nMZ\n--c--|",
	     "a multipart with two boundaries"},
	    {"Content-Type: text/plain; charset=utf-16be; charset=utf-8\n\nab",
	     "1 text/plain [] 2;", "\xe6\x85\xa2|ab|",
	     "malformed Content-Type"},
	    /* Shown as a file by one, as text by another. */
	    {"Content-Disposition: attachment; filename=a.exe\n"
	     "Content-Disposition: inline\n\nx",
	     "1 text/plain [] 1 a;", "x|",
	     "several Content-Disposition fields"},
	    {"Content-Type: application/\xe9\n\nx", "1 text/plain [] 1;", "x|",
	     "malformed Content-Type"},
	    {"Content-Transfer-Encoding: x-none\n\nx=3D", "1 text/plain [] 4;",
	     "x=3D|", "unknown Content-Transfer-Encoding"},
	    {"Content-Transfer-Encoding: base64\n"
	     "Content-Transfer-Encoding: 7bit\n\nc2VjcmV0",
	     "1 text/plain [] 6;", "secret|c2VjcmV0|",
	     "several Content-Transfer-Encoding fields"},
	    {"Content-Transfer-Encoding: 7bit\n"
	     "Content-Transfer-Encoding: base64\n\nc2VjcmV0",
	     "1 text/plain [] 6;", "secret|c2VjcmV0|",
	     "several Content-Transfer-Encoding fields"},
	    {"Content-Transfer-Encoding: base64\n" MIXED "LS1iCgpvbmUKLS1iLS0=",
	     "1 text/plain [] 3;",
	     "one|LS1iCgpvbmUKLS1iLS0=|--b\n\none\n--b--|",
	     "a multipart without parts"},
	    {"Content-Type: application/x; name=a.txt\n"
	     "Content-Disposition: attachment; filename=b.exe\n\nx",
	     "1 application/x [b.exe] 1 a;", "", "a part has two names"},
	};

	check_trees(cases, G_N_ELEMENTS(cases));
}
END_TEST

/* Files as they were sent before MIME. */
START_TEST(test_uuencode)
{
	static const struct tree_case cases[] = {
	    {"Subject: x\n\nsee\nbegin 644 a b.exe\n#86)C\n`\nend\nbye",
	     "1 text/plain [] 37;1 application/octet-stream [a b.exe] 3 a;",
	     "see\nbegin 644 a b.exe\n#86)C\n`\nend\nbye|", ""},
	    {"Subject: x\n\nbegin 0644 a\r\n#86)C\r\n`\r\nend\r\n"
	     "begin 600 b\n#86)C",
	     "1 text/plain [] 46;1 application/octet-stream [a] 3 a;"
	     "1 application/octet-stream [b] 3 a;",
	     "begin 0644 a\n#86)C\n`\nend\nbegin 600 b\n#86)C|", ""},
	    {"Subject: x\n\nbegin 644 a\nbegin 644 b\n#86)C\n`\nend",
	     "1 text/plain [] 35;1 application/octet-stream [a] 0 a;"
	     "1 application/octet-stream [b] 3 a;",
	     "begin 644 a\nbegin 644 b\n#86)C\n`\nend|", ""},
	    {"Content-Transfer-Encoding: quoted-printable\n\n"
	     "=62egin=20644 a\n#86)C\n`\nend",
	     "1 text/plain [] 23;1 application/octet-stream [a] 3 a;",
	     "begin 644 a\n#86)C\n`\nend|", ""},
	    {"Subject: x\n\nlet us begin 644 now\nbegin 64 a\nbegin 988 a\n"
	     "begin 644\nbegin 644 ",
	     "1 text/plain [] 64;",
	     "let us begin 644 now\nbegin 64 a\nbegin 988 a\nbegin 644\n"
	     "begin 644 |",
	     ""},
	    /* What a browser shows are no files. */
	    {"Content-Type: text/html\n\nbegin 644 a\n#86)C\n`\nend",
	     "1 text/html [] 23;", "begin 644 a #86)C ` end|", ""},
	};

	check_trees(cases, G_N_ELEMENTS(cases));
}
END_TEST

START_TEST(test_data)
{
	static const char text[] =
	    MIXED "--b\nContent-Type: a/b\nContent-Transfer-Encoding: base64"
		  "\n\nAAECAw==\n--b\nContent-Type: a/b\n"
		  "Content-Transfer-Encoding: quoted-printable\n\na=3Db \n"
		  "--b\nContent-Type: a/b\n\nraw\n--b\nContent-Type: a/b\n"
		  "Content-Transfer-Encoding: x-uuencode\n\n"
		  "begin 644 x\n#86)C\n`\nend\n--b--";
	static const struct {
		const char *data;
		size_t size;
	} expected[] = {{"\0\1\2\3", 4}, {"a=b", 3}, {"raw", 3}, {"abc", 3}};
	struct mail mail;
	const struct ph_part *parts;
	size_t n;

	mail_open(&mail, text, strlen(text));
	parts = ph_content_parts(mail.content, &n);
	ck_assert_uint_eq(n, G_N_ELEMENTS(expected));
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(parts[i].size, expected[i].size);
		ck_assert_mem_eq(ph_content_part_data(&parts[i]),
				 expected[i].data, expected[i].size);
	}
	mail_close(&mail);
}
END_TEST

START_TEST(test_names)
{
	/* What stands after "Content-Disposition: attachment;". */
	static const struct {
		const char *params;
		const char *name;
	} cases[] = {
	    {" filename=a.txt", "a.txt"},
	    {" filename=\"a b.txt\"", "a b.txt"},
	    {" filename=a b.txt", "a b.txt"},
	    {" filename=a (1).txt", "a (1).txt"},
	    {" filename = \"a.txt\" (comment)", "a.txt"},
	    {" FILENAME=\"a\\\"b.txt\"", "a\"b.txt"},
	    {" filename=\"open.txt", "open.txt"},
	    {" x=\"y;filename=no\"; filename=yes", "yes"},
	    {" filename=\"a\n .txt\"", "a .txt"},
	    {" filename*=utf-8''caf%C3%A9.txt", "café.txt"},
	    {" filename*=iso-8859-1'en'caf%E9.txt", "café.txt"},
	    {" filename*=UTF-8''a%zz%", "a%zz%"},
	    {" filename=plain.txt; filename*=utf-8''ext.txt", "ext.txt"},
	    {" filename*1=b.txt; filename*0=a", "ab.txt"},
	    {" filename*0*=utf-8''caf%C3; filename*1*=%A9; filename*2=.txt",
	     "café.txt"},
	    {" filename*0=a; filename*2=lost", "a"},
	    {" filename*0*=koi8-r''%C4; filename*1=\"%41\"", "д%41"},
	    {" filename=\"=?utf-8?Q?caf=C3=A9.txt?=\"", "café.txt"},
	    {" filename==?utf-8?B?Y2Fmw6kudHh0?=", "café.txt"},
	    {" filename*0=\"=?utf-8?Q?caf\"; filename*1=\"=C3=A9.txt?=\"",
	     "café.txt"},
	    {" filename=caf\xc3\xa9.txt", "café.txt"},
	    {" filename=caf\xe9.txt", "café.txt"},
	    {" filename=\"a.exe  \"", "a.exe"},
	    {" filename=\"a\tb\x01.exe\"", "a b .exe"},
	    {" filename=", ""},
	    {" filename", ""},
	    {" ;;; filename=x", "x"},
	    {"", ""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text =
		    g_strconcat("Content-Disposition: attachment;",
				cases[i].params, "\n\nx", NULL);
		struct mail mail;
		size_t n;

		mail_open(&mail, text, strlen(text));
		ck_assert_msg(strcmp(ph_content_parts(mail.content, &n)->name,
				     cases[i].name) == 0,
			      "%s: %s", cases[i].params,
			      ph_content_parts(mail.content, &n)->name);
		ck_assert_uint_eq(n, 1);
		mail_close(&mail);
	}
}
END_TEST

/* Those that a reader may show in place of the first. */
START_TEST(test_other_names)
{
	static const struct {
		const char *header;
		const char *names;
	} cases[] = {
	    {"Content-Disposition: attachment; filename=a", "a"},
	    {"Content-Type: a/b; name=a\n"
	     "Content-Disposition: attachment; filename=a",
	     "a"},
	    {"Content-Type: a/b; name=b\n"
	     "Content-Disposition: attachment; filename=a",
	     "a|b"},
	    {"Content-Disposition: attachment; filename=a; filename=b", "a|b"},
	    {"Content-Disposition: attachment; filename=b; filename*=utf-8''a",
	     "a|b"},
	    {"Content-Type: a/b; name*=utf-8''c; name=d\n"
	     "Content-Disposition: attachment; filename=b\n"
	     "Content-Disposition: attachment; filename=a",
	     "a|c|d|b"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text =
		    g_strconcat(cases[i].header, "\n\nx", NULL);
		const struct ph_part *part;
		g_autofree char *others = NULL;
		g_autofree char *names = NULL;
		struct mail mail;
		size_t n;

		mail_open(&mail, text, strlen(text));
		part = ph_content_parts(mail.content, &n);
		ck_assert_uint_eq(n, 1);
		if (part->other_names != NULL)
			others = g_strjoinv("|", part->other_names);
		names = g_strconcat(part->name, others != NULL ? "|" : NULL,
				    others, NULL);
		ck_assert_str_eq(names, cases[i].names);
		mail_close(&mail);
	}
}
END_TEST

START_TEST(test_types)
{
	static const struct {
		const char *header;
		unsigned types;
	} cases[] = {
	    {"Subject: x", 0},
	    {"Auto-Submitted: auto-replied (vacation)", PH_CONTENT_OOF},
	    {"Auto-Submitted: auto-generated", 0},
	    {"Precedence: auto_reply", PH_CONTENT_OOF},
	    {"Auto-Submitted: Auto-Forwarded", PH_CONTENT_AUTO_FORWARD},
	    {"X-MS-Exchange-Inbox-Rules-Loop: a@b.test",
	     PH_CONTENT_AUTO_FORWARD},
	    {"Content-Type: application/pkcs7-mime; "
	     "smime-type=enveloped-data; name=smime.p7m",
	     PH_CONTENT_ENCRYPTED},
	    {"Content-Type: application/x-pkcs7-mime; "
	     "smime-type=AuthEnveloped-data",
	     PH_CONTENT_ENCRYPTED},
	    {"Content-Type: application/pkcs7-mime; name=smime.p7m",
	     PH_CONTENT_ENCRYPTED},
	    {"Content-Type: application/octet-stream; name=smime.p7m",
	     PH_CONTENT_ENCRYPTED},
	    {"Content-Type: application/pkcs7-mime; smime-type=signed-data",
	     PH_CONTENT_SIGNED},
	    {"Content-Type: application/pkcs7-mime; smime-type=certs-only", 0},
	    {"Content-Type: multipart/signed; boundary=b", PH_CONTENT_SIGNED},
	    {"Content-Type: multipart/encrypted; boundary=b",
	     PH_CONTENT_ENCRYPTED},
	    {"Content-Type: text/calendar; method=REQUEST",
	     PH_CONTENT_CALENDARING},
	    {"Content-Type: text/calendar", 0},
	    {"Content-Class: urn:content-classes:calendarmessage",
	     PH_CONTENT_CALENDARING},
	    {"Content-Class: rpmsg.message", PH_CONTENT_PROTECTED},
	    {"Content-Type: application/x-microsoft-rpmsg-message",
	     PH_CONTENT_PROTECTED},
	    {"Content-Disposition: attachment; filename=message.rpmsg",
	     PH_CONTENT_PROTECTED},
	    {"Content-Class: voice-uc", PH_CONTENT_VOICEMAIL},
	    {"Message-Context: voice-message", PH_CONTENT_VOICEMAIL},
	    {"X-VoiceMessage-Duration: 3", PH_CONTENT_VOICEMAIL},
	    {"Content-Type: multipart/voice-message; boundary=b",
	     PH_CONTENT_VOICEMAIL},
	    {"X-PostHub-Approval-Requested: yes", PH_CONTENT_APPROVAL},
	    {"Content-Type: multipart/report; boundary=b; "
	     "report-type=disposition-notification",
	     PH_CONTENT_READ_RECEIPT},
	    /* Postfix marks its bounces so; they are no automatic reply. */
	    {"Auto-Submitted: auto-replied\nContent-Type: multipart/report; "
	     "boundary=b; report-type=delivery-status",
	     PH_CONTENT_DELIVERY_REPORT},
	    {"Auto-Submitted: auto-forwarded\n"
	     "Content-Type: multipart/signed; boundary=b",
	     PH_CONTENT_AUTO_FORWARD | PH_CONTENT_SIGNED},
	    /* Not the message's own. */
	    {"Content-Type: message/rfc822\n\n"
	     "Content-Type: multipart/signed; boundary=b",
	     0},
	    {"Content-Type: message/rfc822\n\n"
	     "Content-Type: text/calendar; method=REQUEST",
	     0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text =
		    g_strconcat(cases[i].header, "\n\n--b--\n", NULL);
		struct mail mail;

		mail_open(&mail, text, strlen(text));
		ck_assert_msg(ph_content_types(mail.content) == cases[i].types,
			      "%s: %x", text, ph_content_types(mail.content));
		mail_close(&mail);
	}
}
END_TEST

/* In a part too; an .ics that is only attached has no method. */
START_TEST(test_types_of_parts)
{
	static const char text[] =
	    MIXED "--b\n\nx\n--b\nContent-Type: text/calendar;\n"
		  " name=i.ics; method=REPLY\n\nBEGIN\n--b\n"
		  "Content-Type: multipart/signed; boundary=s\n\n--s\n--s--\n"
		  "--b--";
	struct mail mail;

	mail_open(&mail, text, strlen(text));
	ck_assert_uint_eq(ph_content_types(mail.content),
			  PH_CONTENT_CALENDARING | PH_CONTENT_SIGNED);
	mail_close(&mail);
}
END_TEST

#define ARMOR                                                    \
	"Content-Type: multipart/encrypted; boundary=e\n\n--e\n" \
	"Content-Type: application/pgp-encrypted\n\nVersion: 1\n--e\n"
#define PGP "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n"

/* What is only called so, and what has something beside it, is not. */
START_TEST(test_sealed)
{
	static const struct {
		const char *text;
		bool sealed;
	} cases[] = {
	    {"Subject: x\n\nx", false},
	    {"Content-Type: application/pkcs7-mime; "
	     "smime-type=enveloped-data\n"
	     "Content-Transfer-Encoding: base64\n\nMIIB\n",
	     true},
	    {"Content-Type: application/octet-stream; name=smime.p7m\n"
	     "Content-Transfer-Encoding: base64\n\nMIIB\n",
	     true},
	    {"Content-Type: application/pkcs7-mime; smime-type=signed-data\n"
	     "Content-Transfer-Encoding: base64\n\nMIIB\n",
	     false},
	    {"Content-Type: application/pkcs7-mime; name=a.exe\n\nMZ\x90",
	     false},
	    {"Content-Type: application/octet-stream; name=smime.p7m\n\nMZ",
	     false},
	    {MIXED "--b\n\nopen\n--b\n"
		   "Content-Type: application/octet-stream; name=smime.p7m\n"
		   "Content-Transfer-Encoding: base64\n\nMIIB\n--b--",
	     false},
	    {ARMOR "Content-Type: application/octet-stream\n\n" PGP "--e--",
	     true},
	    {ARMOR "Content-Type: application/octet-stream\n\nMZ\n--e--",
	     false},
	    {ARMOR "Content-Type: text/plain\n\n" PGP "--e--", false},
	    {ARMOR "Content-Type: application/octet-stream\n\n" PGP
		   "--e\n\nopen\n--e--",
	     false},
	    {"Content-Type: multipart/encrypted; boundary=e\n\nopen", false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct mail mail;

		mail_open(&mail, cases[i].text, strlen(cases[i].text));
		ck_assert_msg(ph_content_is_sealed(mail.content) ==
				  cases[i].sealed,
			      "%s", cases[i].text);
		mail_close(&mail);
	}
}
END_TEST

START_TEST(test_charsets)
{
	static const char text[] =
	    MIXED "--b\nContent-Type: text/plain; charset=KOI8-R\n\n\n--b\n"
		  "Content-Type: text/html; charset=\"utf-8\"\n\n\n--b\n"
		  "Content-Type: text/plain; charset=koi8-r (Russian)\n\n\n"
		  "--b\nContent-Type: text/plain\n\n\n--b--";
	struct mail mail;
	const char *const *charsets;

	mail_open(&mail, text, strlen(text));
	charsets = ph_content_charsets(mail.content);
	ck_assert_str_eq(charsets[0], "koi8-r");
	ck_assert_str_eq(charsets[1], "utf-8");
	ck_assert_ptr_null(charsets[2]);
	mail_close(&mail);
	mail_open(&mail, "\n\n", 2);
	ck_assert_ptr_null(ph_content_charsets(mail.content)[0]);
	mail_close(&mail);
}
END_TEST

UNIT_MAIN("lib/message/content", test_single, test_multipart, test_attached,
	  test_ambiguous, test_uuencode, test_data, test_names,
	  test_other_names, test_types, test_types_of_parts, test_sealed,
	  test_charsets)
