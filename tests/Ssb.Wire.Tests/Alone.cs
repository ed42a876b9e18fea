namespace Ssb.Wire.Tests;

/// <summary>Tests that look at the whole process, with nothing else running.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public class Alone;
