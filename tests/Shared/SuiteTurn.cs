using Ssb.Conn.Tests.Shared;

[assembly: AssemblyFixture(typeof(SuiteTurn))]

namespace Ssb.Conn.Tests.Shared;

/// <summary>Makes the suites of one source tree run one after the other, whichever command starts them.</summary>
/// <remarks>
/// <c>dotnet test</c> runs as many suites at once as there are processors, and the number can only be set on its command line
/// (<c>--max-parallel-test-modules</c>). Each suite loads every processor by itself, so that two at once miss their time limits.
/// A suite waits here, before its first test starts, so that the wait counts in the time limit of no test.
/// </remarks>
public sealed class SuiteTurn : IAsyncLifetime
{
    private FileStream? _turn;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        IgnoredSignals.KeepFromChildren();
        if (SourceTree.Folder is not { } tree)
            return; // there is no place that the suites have in common
        try
        {
            string folder = Directory.CreateDirectory(Path.Combine(tree, "artifacts")).FullName;
            _turn = await LockFile.TakeAsync(Path.Combine(folder, "one-suite-at-a-time.lock"), CancellationToken.None);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            // The tree belongs to another user or cannot be written: the suite runs without a turn.
            TestContext.Current.SendDiagnosticMessage($"The suites do not take turns, since '{tree}' cannot be written: {e.Message}");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_turn is not null)
            await _turn.DisposeAsync();
    }
}
