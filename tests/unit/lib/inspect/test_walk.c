#include "tests/unit/lib/inspect/files.h"

#define TEXT(name, text)                           \
	{                                          \
		name, text, sizeof(text) - 1, NULL \
	}
#define DATA(name, bytes)                               \
	{                                               \
		name, (bytes)->data, (bytes)->len, NULL \
	}

/* ---- containers ---------------------------------------------------------- */

static const struct {
	const char *format;
	const char *filter;
	const char *type;
} formats[] = {
    {"zip", NULL, "application/zip"},
    {"7zip", NULL, "application/x-7z-compressed"},
    {"gnutar", NULL, "application/x-tar"},
    {"ustar", "gzip", "application/gzip"},
    {"pax", "bzip2", "application/x-bzip2"},
    {"gnutar", "xz", "application/x-xz"},
    {"gnutar", "zstd", "application/zstd"},
    {"iso9660", NULL, "application/x-iso9660-image"},
};

START_TEST(test_formats)
{
	static const struct file files[] = {
	    {"run.txt", PROGRAM, PROGRAM_SIZE, NULL},
	    TEXT("dir/words.txt", "some words\n"),
	};
	g_autoptr(GByteArray) bytes =
	    make_archive(formats[_i].format, formats[_i].filter, NULL, files,
			 G_N_ELEMENTS(files));
	/* A name says nothing. */
	g_autoptr(GPtrArray) found = look_bytes("picture.png", bytes, NULL);
	const struct ph_walked *file = file_at(found, "picture.png");
	bool iso = strcmp(formats[_i].format, "iso9660") == 0;

	ck_assert_str_eq(file->type, formats[_i].type);
	ck_assert_uint_eq(file->flags, 0);
	ck_assert_uint_eq(file->depth, 0);
	ck_assert_ptr_eq(found->pdata[found->len - 1], file);
	file = file_at(found, "picture.png/run.txt");
	ck_assert_uint_eq(file->flags,
			  PH_WALKED_EXECUTABLE | PH_WALKED_UNSUPPORTED);
	ck_assert_uint_eq(file->size, PROGRAM_SIZE);
	ck_assert_uint_eq(file->depth, 1);
	file = file_at(found, "picture.png/dir/words.txt");
	ck_assert_str_eq(file->name, "words.txt");
	ck_assert_str_eq(file->text, "some words\n");
	ck_assert_str_eq(file->type, "text/plain");
	ck_assert_uint_eq(found->len, iso ? found->len : 3);
}
END_TEST

START_TEST(test_one_compressed_file)
{
	static const struct file files[] = {TEXT("x", "some words")};
	g_autoptr(GByteArray) bytes =
	    make_archive("raw", "gzip", NULL, files, 1);
	g_autoptr(GPtrArray) found = look_bytes("notes.txt.gz", bytes, NULL);

	ck_assert_uint_eq(found->len, 2);
	ck_assert_str_eq(file_at(found, "notes.txt.gz/notes.txt")->text,
			 "some words");
}
END_TEST

START_TEST(test_digest)
{
	static const struct file files[] = {TEXT("abc", "abc")};
	/* FIPS 180-2, appendix B.1. */
	static const uint8_t sum[PH_SHA256] = {
	    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
	    0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
	    0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	g_autoptr(GByteArray) bytes = make_archive("zip", NULL, NULL, files, 1);
	g_autoptr(GPtrArray) found = look_bytes("a.zip", bytes, NULL);

	ck_assert_mem_eq(file_at(found, "a.zip/abc")->sha256, sum, PH_SHA256);
}
END_TEST

/* An archive in a message in an archive. */
START_TEST(test_nested)
{
	static const struct file in[] = {
	    {"c.exe", PROGRAM, PROGRAM_SIZE, NULL}};
	g_autoptr(GByteArray) inner = make_archive("7zip", NULL, NULL, in, 1);
	g_autofree char *coded = g_base64_encode(inner->data, inner->len);
	g_autofree char *text = g_strdup_printf(
	    "From: a@b.test\nTo: c@d.test\nSubject: x\n"
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nthe body\n"
	    "--b\nContent-Type: application/x; name=\"b.7z\"\n"
	    "Content-Transfer-Encoding: base64\n\n%s\n--b--\n",
	    coded);
	const struct file files[] = {{"letter.eml", text, strlen(text), NULL}};
	g_autoptr(GByteArray) bytes = make_archive("zip", NULL, NULL, files, 1);
	g_autoptr(GPtrArray) found = look_bytes("a.zip", bytes, NULL);
	const struct ph_walked *file = file_at(found, "a.zip/letter.eml");

	ck_assert_str_eq(file->type, "message/rfc822");
	ck_assert_ptr_nonnull(strstr(file->text, "the body"));
	file = file_at(found, "a.zip/letter.eml/b.7z");
	ck_assert_str_eq(file->declared, "application/x");
	file = file_at(found, "a.zip/letter.eml/b.7z/c.exe");
	ck_assert_uint_ne(file->flags & PH_WALKED_EXECUTABLE, 0);
	ck_assert_uint_eq(file->depth, 3);
}
END_TEST

/* One that a reader of MIME has open is not opened again. */
START_TEST(test_message_part)
{
	static const char text[] =
	    "From: a@b.test\nTo: c@d.test\n"
	    "Content-Type: application/x; name=a.bin\n\nx\n";
	struct ph_walk_source source = {
	    .data = text, .size = sizeof text - 1, .message = true};
	g_autoptr(GPtrArray) part = look_into(&source, NULL);
	g_autoptr(GPtrArray) file = NULL;

	ck_assert_uint_eq(part->len, 1);
	ck_assert_str_eq(file_at(part, "")->type, "message/rfc822");
	ck_assert_uint_eq(file_at(part, "")->flags, 0);
	source.message = false;
	file = look_into(&source, NULL);
	ck_assert_uint_eq(file->len, 2);
}
END_TEST

/* ---- passwords ----------------------------------------------------------- */

START_TEST(test_encrypted_zip)
{
	static const struct file files[] = {TEXT("secret.txt", "secret")};
	g_autoptr(GByteArray) bytes = make_archive("zip", NULL, "x", files, 1);
	g_autoptr(GPtrArray) found = look_bytes("a.zip", bytes, NULL);
	const struct ph_walked *file = file_at(found, "a.zip/secret.txt");

	ck_assert_uint_eq(file->flags, PH_WALKED_PROTECTED | PH_WALKED_UNREAD);
	ck_assert_ptr_null(file->text);
	ck_assert_uint_eq(file_at(found, "a.zip")->flags, PH_WALKED_PROTECTED);
}
END_TEST

/* RAR5 made by hand, as the format says: a main header, and a file of which
 * the extra area has a record of that type; or the whole in a crypt header. */
static const char rar5_file[] = "Rar!\32\7\1\0"
				"\0\0\0\0\3\1\0\0"
				"\0\0\0\0\25\2\1\5\0\1\0\0\0\1x\0\0\0\0\0\0\4"
				"\1\0\0\0";
static const char rar5_header[] = "Rar!\32\7\1\0\0\0\0\0\3\4\0\0";
static const char rar5_plain[] = "Rar!\32\7\1\0"
				 "\0\0\0\0\3\1\0\0"
				 "\0\0\0\0\25\2\1\5\0\1\0\0\0\1x\0\0\0\0\0\0\4"
				 "\3\0\0\0";

static const struct {
	const char *data;
	size_t size;
	bool encrypted;
} rars[] = {
    {rar5_file, sizeof rar5_file - 1, true},
    {rar5_header, sizeof rar5_header - 1, true},
    {rar5_plain, sizeof rar5_plain - 1, false},
};

START_TEST(test_rar5)
{
	for (size_t size = 8; size <= rars[_i].size; size++) {
		const struct ph_walk_source source = {
		    .name = "a.rar", .data = rars[_i].data, .size = size};
		g_autoptr(GPtrArray) found = look_into(&source, NULL);
		const struct ph_walked *file = file_at(found, "a.rar");

		ck_assert_str_eq(file->type, "application/vnd.rar");
		if (!rars[_i].encrypted || size == rars[_i].size)
			ck_assert_int_eq((file->flags & PH_WALKED_PROTECTED) !=
					     0,
					 rars[_i].encrypted);
	}
}
END_TEST

/* A zip that is in an archive as it is, or behind something else: it hides
 * nothing, and is not hidden. */
static const struct {
	const char *name;
	const char *inner; /* that has to be seen */
	bool suspicious;
} held[] = {
    {"plain4.rar", "tools/run.exe", false},
    {"plain5.rar", "tools/run.exe", false},
    {"opens-itself-4.exe", "tools/run.exe", false},
    {"opens-itself-5.exe", "tools/run.exe", false},
    {"opens-itself.exe", "tools/run.exe", false},
    {"two-kinds.rar", "report.docx", true},
    {"two-kinds.rar", "META-INF/MANIFEST.MF", true},
    {"picture.jpg", "META-INF/MANIFEST.MF", true},
};

START_TEST(test_zip_in_it)
{
	const char *name = held[_i].name;
	g_autofree char *path =
	    g_build_filename("tests/files/archives", name, NULL);
	g_autofree char *inner = g_strconcat(name, "/", held[_i].inner, NULL);
	g_autofree char *data = NULL;
	g_autoptr(GPtrArray) found = NULL;
	size_t size;

	ck_assert_msg(g_file_get_contents(path, &data, &size, NULL),
		      "%s is not there", path);
	found = look_into(
	    &(struct ph_walk_source){.name = name, .data = data, .size = size},
	    NULL);
	file_at(found, inner);
	ck_assert_int_eq((file_at(found, name)->flags & PH_WALKED_SUSPICIOUS) !=
			     0,
			 held[_i].suspicious);
}
END_TEST

/* Old programs name an attachment by its whole path. */
START_TEST(test_attachment_goes_up)
{
	static const struct {
		const char *name;
		bool suspicious;
	} cases[] = {{"../../a.txt", true},
		     {"C:\\temp\\a.txt", false},
		     {"a..txt", false}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) found = look_into(
		    &(struct ph_walk_source){
			.name = cases[i].name, .data = "x", .size = 1},
		    NULL);
		const struct ph_walked *file = found->pdata[0];

		ck_assert_int_eq((file->flags & PH_WALKED_SUSPICIOUS) != 0,
				 cases[i].suspicious);
	}
}
END_TEST

/* ---- zip that contradicts itself ----------------------------------------- */

static void
rename_last(GByteArray *bytes, const char *from, const char *to)
{
	size_t n = strlen(from);

	ck_assert_uint_eq(n, strlen(to));
	for (guint i = bytes->len - (guint)n;; i--)
		if (memcmp(bytes->data + i, from, n) == 0) {
			memcpy(bytes->data + i, to, n);
			return;
		}
}

START_TEST(test_two_names)
{
	static const struct file files[] = {
	    {"evil.exe", PROGRAM, PROGRAM_SIZE, NULL}};
	g_autoptr(GByteArray) bytes = make_archive("zip", NULL, NULL, files, 1);
	g_autoptr(GPtrArray) found = NULL;

	rename_last(bytes, "evil.exe", "good.txt");
	found = look_bytes("a.zip", bytes, NULL);
	ck_assert_uint_eq(found->len, 3);
	ck_assert_uint_ne(file_at(found, "a.zip")->flags & PH_WALKED_SUSPICIOUS,
			  0);
	ck_assert_uint_ne(
	    file_at(found, "a.zip/evil.exe")->flags & PH_WALKED_EXECUTABLE, 0);
	file_at(found, "a.zip/good.txt");
}
END_TEST

/* A file that the directory does not have: two archives, of which the second
 * is what most programs see. */
START_TEST(test_hidden_file)
{
	static const struct file first[] = {
	    {"evil.exe", PROGRAM, PROGRAM_SIZE, NULL}};
	static const struct file second[] = {TEXT("good.txt", "good")};
	g_autoptr(GByteArray) bytes = make_archive("zip", NULL, NULL, first, 1);
	g_autoptr(GByteArray) other =
	    make_archive("zip", NULL, NULL, second, 1);
	g_autoptr(GPtrArray) found = NULL;

	g_byte_array_append(bytes, other->data, other->len);
	found = look_bytes("a.zip", bytes, NULL);
	ck_assert_uint_ne(file_at(found, "a.zip")->flags & PH_WALKED_SUSPICIOUS,
			  0);
	ck_assert_uint_ne(
	    file_at(found, "a.zip/evil.exe")->flags & PH_WALKED_EXECUTABLE, 0);
	ck_assert_uint_eq(count_at(found, "a.zip/good.txt"), 1);
}
END_TEST

START_TEST(test_cut_zip)
{
	static const struct file files[] = {
	    {"evil.exe", PROGRAM, PROGRAM_SIZE, NULL}};
	g_autoptr(GByteArray) bytes = make_archive("zip", NULL, NULL, files, 1);
	g_autoptr(GPtrArray) found = NULL;

	g_byte_array_set_size(bytes, bytes->len - 22);
	found = look_bytes("a.zip", bytes, NULL);
	ck_assert_uint_ne(file_at(found, "a.zip")->flags & PH_WALKED_DAMAGED,
			  0);
	ck_assert_uint_ne(
	    file_at(found, "a.zip/evil.exe")->flags & PH_WALKED_EXECUTABLE, 0);
}
END_TEST

/* A good one is none of it. */
START_TEST(test_plain_zip)
{
	static const struct file files[] = {TEXT("a.txt", "a"),
					    TEXT("b/c.txt", "bc")};
	g_autoptr(GByteArray) bytes = make_archive("zip", NULL, NULL, files, 2);
	g_autoptr(GPtrArray) found = look_bytes("a.zip", bytes, NULL);

	ck_assert_uint_eq(file_at(found, "a.zip")->flags, 0);
	ck_assert_uint_eq(found->len, 3);
}
END_TEST

/* ---- archives that are something else ------------------------------------ */

static const char content_types[] =
    "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/"
    "package/2006/content-types\"/>";

START_TEST(test_program_in_document)
{
	static const struct file in[] = {
	    {"deep.exe", PROGRAM, PROGRAM_SIZE, NULL}};
	g_autoptr(GByteArray) inner = make_archive("zip", NULL, NULL, in, 1);
	const struct file files[] = {
	    TEXT("[Content_Types].xml", content_types),
	    TEXT("word/document.xml", "<w/>"),
	    {"word/media/image1.png", PROGRAM, PROGRAM_SIZE, NULL},
	    DATA("word/b.bin", inner),
	};
	g_autoptr(GByteArray) bytes =
	    make_archive("zip", NULL, NULL, files, G_N_ELEMENTS(files));
	g_autoptr(GPtrArray) found = look_bytes("a.docx", bytes, NULL);

	ck_assert_str_eq(file_at(found, "a.docx")->type,
			 "application/vnd.openxmlformats-officedocument."
			 "wordprocessingml.document");
	file_at(found, "a.docx/word/media/image1.png");
	file_at(found, "a.docx/word/b.bin/deep.exe");
	ck_assert_uint_eq(count_at(found, "a.docx/word/document.xml"), 0);
}
END_TEST

START_TEST(test_java)
{
	static const struct file files[] = {
	    TEXT("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")};
	g_autoptr(GByteArray) bytes = make_archive("zip", NULL, NULL, files, 1);
	g_autoptr(GPtrArray) found = look_bytes("a.txt", bytes, NULL);

	ck_assert_uint_eq(file_at(found, "a.txt")->flags, PH_WALKED_EXECUTABLE);
	ck_assert_str_eq(file_at(found, "a.txt")->type,
			 "application/java-archive");
}
END_TEST

/* A program with an archive behind it opens itself. */
START_TEST(test_self_extracting)
{
	static const struct file files[] = {TEXT("in.txt", "inside")};
	g_autoptr(GByteArray) bytes = make_archive("zip", NULL, NULL, files, 1);
	g_autoptr(GPtrArray) found = NULL;

	g_byte_array_prepend(bytes, (const guint8 *)PROGRAM, PROGRAM_SIZE);
	found = look_bytes("setup.exe", bytes, NULL);
	ck_assert_uint_ne(
	    file_at(found, "setup.exe")->flags & PH_WALKED_EXECUTABLE, 0);
	ck_assert_str_eq(file_at(found, "setup.exe/in.txt")->text, "inside");
}
END_TEST

/* ---- limits -------------------------------------------------------------- */

static void
must_stop(const GByteArray *bytes, const struct ph_walk_limits *limits,
	  const char *where)
{
	g_autoptr(GPtrArray) found = look_bytes("a.zip", bytes, limits);

	ck_assert_uint_ne(file_at(found, where)->flags & PH_WALKED_LIMIT, 0);
}

START_TEST(test_bombs)
{
	g_autofree char *zeros = g_malloc0((size_t)40 << 20);
	const struct file files[] = {{"zeros", zeros, (size_t)40 << 20, NULL}};
	g_autoptr(GByteArray) flat = make_archive("zip", NULL, NULL, files, 1);
	const struct file in[] = {DATA("b.zip", flat)};
	g_autoptr(GByteArray) nested = make_archive("zip", NULL, NULL, in, 1);

	must_stop(flat, NULL, "a.zip");
	must_stop(nested, NULL, "a.zip/b.zip");
	must_stop(flat,
		  &(struct ph_walk_limits){.size = 1 << 20, .ratio = 100000},
		  "a.zip");
	/* In all files together. */
	{
		const struct file two[] = {{"1", zeros, 700000, NULL},
					   {"2", zeros, 700000, NULL},
					   {"3", zeros, 700000, NULL},
					   TEXT("4", "x")};
		g_autoptr(GByteArray) many =
		    make_archive("zip", NULL, NULL, two, 4);

		must_stop(many, &(struct ph_walk_limits){.size = 2 << 20},
			  "a.zip");
	}
}
END_TEST

START_TEST(test_depth)
{
	static const struct file files[] = {TEXT("x.txt", "x")};
	const struct ph_walk_limits limits = {.depth = 3};
	GByteArray *bytes = make_archive("zip", NULL, NULL, files, 1);

	for (size_t i = 0; i < 4; i++) {
		const struct file in[] = {DATA("b.zip", bytes)};
		GByteArray *outer = make_archive("zip", NULL, NULL, in, 1);

		g_byte_array_unref(bytes);
		bytes = outer;
	}
	must_stop(bytes, &limits, "a.zip/b.zip/b.zip/b.zip");
	g_byte_array_unref(bytes);
}
END_TEST

START_TEST(test_entries)
{
	struct file files[50];
	const struct ph_walk_limits limits = {.entries = 20};
	g_autoptr(GByteArray) bytes = NULL;
	g_autoptr(GPtrArray) found = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
		files[i] = (struct file){"x", "x", 1, NULL};
	bytes = make_archive("zip", NULL, NULL, files, G_N_ELEMENTS(files));
	found = look_bytes("a.zip", bytes, &limits);
	ck_assert_uint_eq(found->len, 20);
	ck_assert_uint_ne(file_at(found, "a.zip")->flags & PH_WALKED_LIMIT, 0);
}
END_TEST

START_TEST(test_text_limits)
{
	static const struct file files[] = {
	    TEXT("1.txt", "0123456789"), TEXT("2.txt", "01234567\xc3\xa9"),
	    TEXT("3.txt", "0123456789"), TEXT("4.txt", "0123456789")};
	const struct ph_walk_limits limits = {.text = 9, .texts = 20};
	g_autoptr(GByteArray) bytes = make_archive("zip", NULL, NULL, files, 4);
	g_autoptr(GPtrArray) found = look_bytes("a.zip", bytes, &limits);
	const struct ph_walked *file = file_at(found, "a.zip/1.txt");

	ck_assert_str_eq(file->text, "012345678");
	ck_assert_uint_eq(file->flags, PH_WALKED_CUT);
	/* Between characters. */
	ck_assert_str_eq(file_at(found, "a.zip/2.txt")->text, "01234567");
	file = file_at(found, "a.zip/3.txt");
	ck_assert_str_eq(file->text, "012");
	ck_assert_uint_eq(file->flags, PH_WALKED_CUT | PH_WALKED_LIMIT);
	ck_assert_str_eq(file_at(found, "a.zip/4.txt")->text, "");
}
END_TEST

/* ---- names --------------------------------------------------------------- */

static const struct {
	const char *given;
	const char *path;
	const char *name;
	bool suspicious;
} names[] = {
    {"a.txt", "a.zip/a.txt", "a.txt", false},
    {"d/a.txt", "a.zip/d/a.txt", "a.txt", false},
    {"../../etc/passwd", "a.zip/../../etc/passwd", "passwd", true},
    {"d/../a.txt", "a.zip/d/../a.txt", "a.txt", true},
    {"/etc/passwd", "a.zip//etc/passwd", "passwd", true},
    {"C:\\x\\a.exe", "a.zip/C:\\x\\a.exe", "a.exe", true},
    {"..\\a.exe", "a.zip/..\\a.exe", "a.exe", true},
    {"a..b", "a.zip/a..b", "a..b", false},
    {"ann\xe2\x80\xae"
     "fdp.exe",
     "a.zip/ann\xe2\x80\xae"
     "fdp.exe",
     "ann\xe2\x80\xae"
     "fdp.exe",
     true},
    {"a\nb",
     "a.zip/a\xef\xbf\xbd"
     "b",
     "a\xef\xbf\xbd"
     "b",
     true},
    {"b\xc3\xbcro.txt", "a.zip/b\xc3\xbcro.txt", "b\xc3\xbcro.txt", false},
};

START_TEST(test_names)
{
	const struct file files[] = {{names[_i].given, "x", 1, NULL}};
	g_autoptr(GByteArray) bytes =
	    make_archive("gnutar", NULL, NULL, files, 1);
	g_autoptr(GPtrArray) found = look_bytes("a.zip", bytes, NULL);
	const struct ph_walked *file = file_at(found, names[_i].path);

	ck_assert_str_eq(file->name, names[_i].name);
	ck_assert_int_eq((file->flags & PH_WALKED_SUSPICIOUS) != 0,
			 names[_i].suspicious);
}
END_TEST

START_TEST(test_long_name)
{
	g_autofree char *name = g_strnfill(10000, 'x');
	const struct file files[] = {{name, "x", 1, NULL}};
	g_autoptr(GByteArray) bytes =
	    make_archive("gnutar", NULL, NULL, files, 1);
	g_autoptr(GPtrArray) found = look_bytes("a.tar", bytes, NULL);
	const struct ph_walked *file = found->pdata[0];

	ck_assert_uint_eq(found->len, 2);
	ck_assert_uint_le(strlen(file->path), PH_WALKED_TEXT);
	ck_assert_uint_ne(file->flags & PH_WALKED_SUSPICIOUS, 0);
}
END_TEST

START_TEST(test_link)
{
	static const struct file files[] = {{"l.txt", "", 0, "/etc/passwd"}};
	g_autoptr(GByteArray) bytes =
	    make_archive("gnutar", NULL, NULL, files, 1);
	g_autoptr(GPtrArray) found = look_bytes("a.tar", bytes, NULL);
	const struct ph_walked *file = file_at(found, "a.tar/l.txt");

	ck_assert_uint_eq(file->flags, PH_WALKED_SUSPICIOUS | PH_WALKED_UNREAD);
	ck_assert_ptr_null(file->text);
}
END_TEST

/* ---- cut, and shuffled -------------------------------------------------- */

/* Whatever is cut away, the attachment itself is told of, last. */
START_TEST(test_cut)
{
	static const struct file files[] = {
	    {"run.exe", PROGRAM, PROGRAM_SIZE, NULL}, TEXT("b.txt", "b b b")};
	g_autoptr(GByteArray) bytes = make_archive(
	    formats[_i].format, formats[_i].filter, NULL, files, 2);
	size_t step = bytes->len > 2000 ? bytes->len / 97 : 1;

	for (size_t size = 0; size < bytes->len; size += step) {
		const struct ph_walk_source source = {
		    .name = "a", .data = bytes->data, .size = size};
		g_autoptr(GPtrArray) found = look_into(&source, NULL);
		const struct ph_walked *file = found->pdata[found->len - 1];

		ck_assert_uint_eq(file->depth, 0);
		ck_assert_uint_eq(file->size, size);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lib/inspect/walk");
	TCase *tc = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_formats, 0, G_N_ELEMENTS(formats));
	tcase_add_test(tc, test_one_compressed_file);
	tcase_add_test(tc, test_digest);
	tcase_add_test(tc, test_nested);
	tcase_add_test(tc, test_message_part);
	tcase_add_test(tc, test_encrypted_zip);
	tcase_add_loop_test(tc, test_rar5, 0, G_N_ELEMENTS(rars));
	tcase_add_loop_test(tc, test_zip_in_it, 0, G_N_ELEMENTS(held));
	tcase_add_test(tc, test_attachment_goes_up);
	tcase_add_test(tc, test_two_names);
	tcase_add_test(tc, test_hidden_file);
	tcase_add_test(tc, test_cut_zip);
	tcase_add_test(tc, test_plain_zip);
	tcase_add_test(tc, test_program_in_document);
	tcase_add_test(tc, test_java);
	tcase_add_test(tc, test_self_extracting);
	tcase_add_test(tc, test_bombs);
	tcase_add_test(tc, test_depth);
	tcase_add_test(tc, test_entries);
	tcase_add_test(tc, test_text_limits);
	tcase_add_loop_test(tc, test_names, 0, G_N_ELEMENTS(names));
	tcase_add_test(tc, test_long_name);
	tcase_add_test(tc, test_link);
	tcase_add_loop_test(tc, test_cut, 0, G_N_ELEMENTS(formats));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
