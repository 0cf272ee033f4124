#!/usr/bin/perl
# extract_peer.pl FILE N: what a filter in Perl does to know the text of a
# message's attachments, as MIMEDefang's workers do: one process that lasts,
# MIME::Parser into a directory of the message, then for each part what it is
# good for: Archive::Zip and a parser of XML for docx, pdftotext for PDF. Prints
# bytes of text, seconds, and seconds of CPU with those of the programs it runs.
use strict;
use warnings;

use Archive::Zip qw(:ERROR_CODES);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use MIME::Parser;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
use XML::LibXML::Reader;

# Of one XML file, with its paragraphs, breaks and tabulators.
sub xml_text {
	my ($xml) = @_;
	my $reader = XML::LibXML::Reader->new(
		string => $xml, load_ext_dtd => 0, expand_entities => 0,
		no_network => 1) or return '';
	my $text = '';
	while ($reader->read == 1) {
		my $type = $reader->nodeType;
		if ($type == XML_READER_TYPE_TEXT ||
		    $type == XML_READER_TYPE_SIGNIFICANT_WHITESPACE) {
			$text .= $reader->value;
		} elsif ($type == XML_READER_TYPE_ELEMENT) {
			my $name = $reader->localName;
			$text .= "\t" if $name eq 'tab';
			$text .= "\n" if $name eq 'br';
		} elsif ($type == XML_READER_TYPE_END_ELEMENT) {
			$text .= "\n" if $reader->localName eq 'p';
		}
	}
	return $text;
}

sub docx_text {
	my ($path) = @_;
	my $zip = Archive::Zip->new;
	return '' if $zip->read($path) != AZ_OK;
	my $text = '';
	for my $member ($zip->members) {
		next if $member->fileName !~
		    m{^word/(?:document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml$};
		$text .= xml_text(scalar $member->contents);
	}
	return $text;
}

sub pdf_text {
	my ($path) = @_;
	open(my $pipe, '-|', 'pdftotext', '-q', '-enc', 'UTF-8', $path, '-')
	    or die "pdftotext: $!\n";
	local $/;
	my $text = <$pipe> // '';
	close($pipe);
	utf8::decode($text);
	return $text;
}

sub part_text {
	my ($part) = @_;
	my $path = $part->bodyhandle ? $part->bodyhandle->path : undef;
	my $name = $part->head->recommended_filename // '';
	return '' if !defined $path;
	return docx_text($path) if $name =~ /\.docx$/i;
	return pdf_text($path) if $name =~ /\.pdf$/i;
	return '';
}

sub message_text {
	my ($message, $directory) = @_;
	mkdir($directory) or die "$directory: $!\n";
	my $parser = MIME::Parser->new;
	$parser->output_dir($directory);
	$parser->tmp_to_core(1);
	my $entity = $parser->parse_data($message);
	my $text = join('', map { part_text($_) } $entity->parts_DFS);
	remove_tree($directory);
	return $text;
}

my ($file, $n) = @ARGV;
die "usage: extract_peer.pl FILE N\n" if !defined $n;
my $message = do { local (@ARGV, $/) = $file; <> };
my $base = tempdir(CLEANUP => 1);
my $text = '';
my $start = clock_gettime(CLOCK_MONOTONIC);
$text = message_text($message, "$base/$_") for 1 .. $n;
my $seconds = clock_gettime(CLOCK_MONOTONIC) - $start;
utf8::encode($text);
my $cpu = 0;
$cpu += $_ for times;
printf("%d bytes of text, %.6f s, %.6f s of CPU\n", length($text), $seconds,
	$cpu);
if ($ENV{EXTRACT_PEER_TEXT}) {
	print $text;
}
