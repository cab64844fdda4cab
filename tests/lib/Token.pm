# Tokens for vend.sign_in, signed with keys of our own by openssl.
package Token;
use strict;
use warnings;
use File::Temp;
use IPC::Run qw(run);
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Utils;

# new(NAME...) makes a pair of keys for each name; the first one signs unless told otherwise.
sub new
{
	my ($class, @names) = @_;
	my $self = bless { keys => File::Temp->newdir, signer => $names[0], serial => 0 }, $class;
	for my $name (@names)
	{
		run [ 'openssl', 'genpkey', '-algorithm', 'ed25519', '-out', "$self->{keys}/$name" ] or die "openssl has no ed25519";
	}
	return $self;
}

# As vend_analytics.token_public_key takes it.
sub public
{
	my ($self, $name) = @_;
	run [ 'openssl', 'pkey', '-in', "$self->{keys}/$name", '-pubout' ], '>', \my $pem or die;
	return join '', grep { !/-----/ } split /\n/, $pem;
}

# A good token of sub for aud, but for what is given: life in seconds, jti, header, key, and more claims.
sub sign
{
	my ($self, %t) = @_;
	my $header = $t{header} // '{"alg":"EdDSA","typ":"JWT"}';
	my $claims = sprintf '{"sub":"%s","exp":%d,"aud":"%s","jti":"%s"%s}', $t{sub}, time() + ($t{life} // 50), $t{aud},
		$t{jti} // 'j' . ++$self->{serial}, $t{more} // '';
	my $message = encode_base64url($header) . '.' . encode_base64url($claims);
	# What signs Ed25519 wants to know how long the message is, so it takes no pipe.
	open my $file, '>', "$self->{keys}/message" or die;
	print $file $message;
	close $file or die;
	run [ 'openssl', 'pkeyutl', '-sign', '-rawin', '-inkey', "$self->{keys}/" . ($t{key} // $self->{signer}),
		'-in', "$self->{keys}/message", '-out', "$self->{keys}/signature" ] or die;
	return "$message." . encode_base64url(slurp_file("$self->{keys}/signature"));
}

1;
