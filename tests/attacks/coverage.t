# Every attack of SECURITY, section 8, has a test here, or a reason why it has none; the map is printed.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

my @attacks = qw(T1 T1b T1c T1d T1e T2 T3 T3b T4 T4b T5 T5b T5c T5d T6 T7 T8 T9 T10a T10b T10c T10d T10e T11 T12 T12b T12c T13 T14 T15 T16 T17 T18
	T19 T20 T21 T22 T23 T24 T25 T26 T27 T28 T29 T30 T31 T32 T33);
my %reasons = ();

# Tests are named by their attacks, and so are calls that make several of them.
my %tests;
for my $file (glob "$FindBin::RealBin/*.t")
{
	my ($name) = $file =~ m{([^/]+)\.t$};
	next if $name eq 'coverage';
	$tests{$_}{$name}++ for slurp_file($file) =~ /['"](T\d+[a-e]?)(?=['":])/g;
}
my @missing;
for my $attack (@attacks)
{
	my $of = $tests{$attack} // {};
	my $where = join(', ', map { "$_.t $of->{$_}" } sort keys %$of) || $reasons{$attack};
	push @missing, $attack if !$where;
	diag(sprintf '%-5s %s', $attack, $where || 'NONE');
}
is("@missing", '', 'every attack has a test');
is(join(' ', grep { my $id = $_; !grep { $_ eq $id } @attacks } sort keys %tests), '', 'and every test an attack');
done_testing();
