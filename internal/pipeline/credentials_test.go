package pipeline

var credentialsMistakes = []mistake{
	{
		"no such store",
		func(s *Spec) { s.Credentials = &CredentialsSpec{Store: ptr("SSM")} },
		"credentials.store",
		[]string{`Did you mean "ssm"?`},
	},
	{
		"a path without a slash",
		func(s *Spec) { s.Credentials = &CredentialsSpec{Path: ptr("keys")} },
		"credentials.path",
		[]string{"starts with a slash"},
	},
	{
		"AWS's path",
		func(s *Spec) { s.Credentials = &CredentialsSpec{Path: ptr("/aws/keys")} },
		"credentials.path",
		[]string{"reserves names"},
	},
	{
		"a space in a secret's name",
		func(s *Spec) { s.Credentials = &CredentialsSpec{Store: ptr("secretsmanager"), Path: ptr("my keys")} },
		"credentials.path",
		[]string{"a secret's name"},
	},
	{
		"an alias",
		func(s *Spec) { s.Credentials = &CredentialsSpec{KMSKeyID: ptr("alias/keys")} },
		"credentials.kms_key_id",
		[]string{"every plan would show a change"},
	},
}
