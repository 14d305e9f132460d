# SPDX-License-Identifier: Apache-2.0
# ask_redis.pl HOST PORT: commands of stdin, a JSON list each, by Redis.pm; what came back as a JSON line each.
use strict;
use warnings;
use JSON::PP;
use Redis;

my $json = JSON::PP->new->canonical->allow_nonref;
my $redis = Redis->new(server => "$ARGV[0]:$ARGV[1]", no_auto_connect_on_new => 0);
while (my $line = <STDIN>) {
	my ($name, @args) = @{$json->decode($line)};
	my $method = lc $name;
	my $value = eval { scalar $redis->$method(@args) };
	if ($@) {
		(my $text = $@) =~ s/^\[\w+\] (.*?), *at .*/$1/s;
		print $json->encode({ e => $text }), "\n";
	} else {
		print $json->encode({ v => $value }), "\n";
	}
}
