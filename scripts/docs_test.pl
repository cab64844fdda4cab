#!/usr/bin/env perl
# docs_test.pl [--accept] PAGE PSQL...: runs a page's ```sql blocks in one session and compares what each prints
# with the ```text block behind it. A statement after another that failed still runs, as it would for a reader.
use strict;
use warnings;

my $accept = $ARGV[0] eq '--accept' && shift;
my ($page, @psql) = @ARGV;
my $mark = '--- end of block';

open my $in, '<', $page or die "$page: $!\n";
my @lines = <$in>;
close $in;

# One entry a block: where it starts, its SQL, and the range of lines that say what it prints.
my (@blocks, $fence, $start, $last);
for my $n (0 .. $#lines) {
    if (!defined $fence && $lines[$n] =~ /^```(.*?)\s*$/) {
        ($fence, $start) = ($1, $n);
    } elsif (defined $fence && $lines[$n] =~ /^```\s*$/) {
        my @body = @lines[$start + 1 .. $n - 1];
        if ($fence eq 'sql') {
            push @blocks, { line => $start + 1, sql => join('', @body) };
            $last = $n;
        } elsif ($fence eq 'text' && defined $last && "@lines[$last + 1 .. $start - 1]" !~ /\S/) {
            @{ $blocks[-1] }{qw(expected from to)} = (join('', @body), $start + 1, $n - 1);
        }
        undef $last unless $fence eq 'sql';
        undef $fence;
    }
}
exit 0 unless @blocks;

my $script = "/tmp/vend-docs-$$.sql";
open my $out, '>', $script or die "$script: $!\n";
print {$out} map { "$_->{sql}\n\\echo '$mark'\n" } @blocks;
close $out;
my $printed = do { local $/; open my $run, '-|', "@{[map { quotemeta } @psql]} -f - 2>&1 < $script" or die; <$run> };
unlink $script;
$printed =~ s/^psql:<stdin>:\d+: //mg;

my @printed = split /^\Q$mark\E\n/m, $printed, -1;
my $wrong = 0;
for my $block (reverse @blocks) {
    my $got = $printed[ (grep { $blocks[$_] == $block } 0 .. $#blocks)[0] ] // "(psql stopped)\n";
    $got =~ s/[ \t]+$//mg;
    $got =~ s/\n+\z/\n/;
    if (defined $block->{expected}) {
        next if $got eq $block->{expected};
        if ($accept) {
            splice @lines, $block->{from}, $block->{to} - $block->{from} + 1, $got;
            next;
        }
        print "$page:$block->{line}: expected\n$block->{expected}but got\n$got";
        $wrong++;
    } elsif ($got =~ /^ERROR:/m) {
        print "$page:$block->{line}: failed\n$got";
        $wrong++;
    }
}
if ($accept) {
    open my $to, '>', $page or die "$page: $!\n";
    print {$to} @lines;
}
exit($wrong ? 1 : 0);
