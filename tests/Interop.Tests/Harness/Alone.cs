namespace Interop.Tests.Harness;

/// <summary>Tests that need the machine for themselves: they load it, so that peers of other tests would miss their deadlines.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public class Alone;
