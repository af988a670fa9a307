package pipeline

var archiveMistakes = []mistake{
	{
		"the dead letters' place",
		func(s *Spec) { s.Archive = &ArchiveSpec{Prefix: ptr("dead-letter")} },
		"archive.prefix",
		[]string{"Dead letters"},
	},
	{
		"an absolute prefix",
		func(s *Spec) { s.Archive = &ArchiveSpec{Prefix: ptr("/raw")} },
		"archive.prefix",
		[]string{"starts with a name"},
	},
	{"gone before it moves", func(s *Spec) {
		s.Archive = &ArchiveSpec{IntelligentTieringAfterDays: ptr(int64(30)), ExpireAfterDays: ptr(int64(30))}
	}, "archive.intelligent_tiering_after_days", []string{"expire before"}},
}
