#include "cli/cmdlet.h"
#include "tests/unit/unit.h"

/* "Name|Parameter=text;text|...", or the error. */
static char *
parsed(const char *text)
{
	struct ph_cmdlet *cmdlet = NULL;
	struct ph_err err = PH_ERR_INIT;
	GString *out = g_string_new(NULL);

	if (ph_cmdlet_parse(text, &cmdlet, &err) < 0) {
		ck_assert_int_eq(err.kind, PH_ERR_PERM);
		g_string_append(out, err.text);
		return g_string_free(out, FALSE);
	}
	g_string_append(out, cmdlet->name);
	for (guint i = 0; i < cmdlet->parameters->len; i++) {
		const struct ph_cmdlet_parameter *parameter =
		    cmdlet->parameters->pdata[i];
		g_autofree char *texts = g_strjoinv(";", parameter->texts);

		g_string_append_printf(out, "|%s=%s", parameter->name, texts);
	}
	ph_cmdlet_free(&cmdlet);
	return g_string_free(out, FALSE);
}

static const struct {
	const char *text, *expected;
} rows[] = {
    {"New-TransportRule", "New-TransportRule"},
    {"  New-TransportRule -Name 'a'  ", "New-TransportRule|Name=a"},
    {"N -Name 'it''s' -Mode Enforce", "N|Name=it's|Mode=Enforce"},
    {"N -A 'x','y, z' , 'q' -B 1", "N|A=x;y, z;q|B=1"},
    {"N -A @('x', 'y') -B ( 'z' )", "N|A=x;y|B=z"},
    {"N -A @()", "N|A="},
    {"N -SetSCL -1 -B", "N|SetSCL=-1|B=true"},
    {"N -A $true -B:$False -C $null -D 'x'", "N|A=true|B=false|C=|D=x"},
    {"N -A \"say \"\"hi\"\" `\"there`\" `n\"", "N|A=say \"hi\" \"there\" \n"},
    {"N -A 'C:\\x `n $y'", "N|A=C:\\x `n $y"},
    {"N `\n -A `\n 'x'\n", "N|A=x"},
    {"N -A @{Name='Credit Card Number'; minCount='2'},@{Name=\"b\"}",
     "N|A=@{Name=Credit Card Number; minCount=2};@{Name=b}"},
    {"N -A \xe2\x80\x98x\xe2\x80\x99 -B '\xe2\x80\x99'",
     "N|A=\xe2\x80\x98x\xe2\x80\x99|B=\xe2\x80\x99"},
    {"N -A '-B'", "N|A=-B"},
    {"", "at character 1: expected a cmdlet"},
    {"'x'", "at character 4: expected a cmdlet"},
    {"N x", "at character 3: expected a parameter"},
    {"N -A 'x", "at character 8: a quote is not closed"},
    {"N -A 'x', ", "at character 11: a value is missing"},
    {"N -A @('x'", "at character 11: a parenthesis is not closed"},
    {"N -A @{x", "at character 9: a brace is not closed"},
    {"N -A $x", "at character 8: a variable is not known here"},
    {"N -A \"$x\"", "at character 7: a variable is not known here"},
    {"N -A 'x'; rm", "at character 9: expected a parameter"},
    {"N -A (Get-Content x)", "at character 19: a parenthesis is not closed"},
};

START_TEST(test_rows)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *said = parsed(rows[i].text);

		ck_assert_str_eq(said, rows[i].expected);
	}
}
END_TEST

UNIT_MAIN("cli/cmdlet", test_rows)
