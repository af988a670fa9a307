package pipeline

import "strings"

var generalMistakes = []mistake{
	{
		"capitals",
		func(s *Spec) { s.Name = "Greenhouse" },
		"name",
		[]string{`Pipeline name "Greenhouse" is not valid`, "lowercase letters"},
	},
	{"a digit first", func(s *Spec) { s.Name = "1green" }, "name", []string{"start with a letter"}},
	{"a hyphen last", func(s *Spec) { s.Name = "green-" }, "name", []string{"do not end with a hyphen"}},
	{"too short for a table", func(s *Spec) { s.Name = "ab" }, "name", []string{"has 2 characters", "at least 3"}},
	{
		"too long for a role",
		func(s *Spec) { s.Name = strings.Repeat("a", 33) },
		"name",
		[]string{"has 33 characters", "at most 32"},
	},
	{"a prefix that S3 keeps", func(s *Spec) { s.Name = "sthree-a" }, "name", []string{"S3 reserves names"}},
	{"not a region", func(s *Spec) { s.Region = ptr("Ireland") }, "region", []string{"eu-west-1"}},
	{
		"five levels",
		func(s *Spec) { s.TopicPrefix = ptr("a/b/c/d/e") },
		"topic_prefix",
		[]string{"has 5 levels and may have 4"},
	},
	{
		"a wildcard",
		func(s *Spec) { s.TopicPrefix = ptr("a/+") },
		"topic_prefix",
		[]string{"wildcards of subscriptions"},
	},
	{
		"a reserved topic",
		func(s *Spec) { s.TopicPrefix = ptr("$aws/things") },
		"topic_prefix",
		[]string{"start with $ belong to AWS"},
	},
	{"an empty level", func(s *Spec) { s.TopicPrefix = ptr("a//b") }, "topic_prefix", []string{"empty level"}},
	{
		"a quote would end the SQL",
		func(s *Spec) { s.TopicPrefix = ptr("a'b") },
		"topic_prefix",
		[]string{"used in SQL"},
	},
	{
		"a star would widen the policy",
		func(s *Spec) { s.TopicPrefix = ptr("a*") },
		"topic_prefix",
		[]string{"in policies"},
	},
	{
		"too long a topic",
		func(s *Spec) { s.TopicPrefix = ptr(strings.Repeat("a", 120)) },
		"topic_prefix",
		[]string{"would have 259 bytes, and AWS IoT allows 256", "by 3"},
	},
	{
		"too long a policy",
		func(s *Spec) {
			s.TopicPrefix = ptr(strings.Repeat("a", 110))
			s.Archive = &ArchiveSpec{Delivery: ptr(DeliveryPerMessage)} // a topic more
		},
		"topic_prefix",
		[]string{"device policy too long", "AWS IoT allows 2048", "shorten it by"},
	},
	{
		"AWS's tags",
		func(s *Spec) { s.Tags = map[string]string{"AWS:x": ""} },
		`tags["AWS:x"]`,
		[]string{"Only AWS writes"},
	},
	{
		"our tag",
		func(s *Spec) { s.Tags = map[string]string{"iot-pipeline:id": ""} },
		`tags["iot-pipeline:id"]`,
		[]string{"owner token"},
	},
	{
		"a character tags cannot hold",
		func(s *Spec) { s.Tags = map[string]string{"a": "b\"c"} },
		`tags["a"]`,
		[]string{"at most 256"},
	},
	{"50 tags and ours", func(s *Spec) { s.Tags = many(50) }, "tags", []string{"AWS allows 50", "pipeline's own"}},
	{
		"not a boundary",
		func(s *Spec) { s.PermissionsBoundary = ptr("bounds") },
		"permissions_boundary",
		[]string{"ARN of a managed policy"},
	},
}
