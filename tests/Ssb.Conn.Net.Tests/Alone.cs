namespace Ssb.Conn.Net.Tests;

/// <summary>Tests that attack: they load the machine, so that peers of other tests would miss their deadlines.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public class Alone;
