using Ssb.Conn.Simulator;

namespace Ssb.Conn.Tests;

/// <summary>A plugin in virtual time over a network that does what the test says: all that happens, happens on this thread, in order.</summary>
public abstract class PluginTestBase : IAsyncDisposable
{
    private readonly List<ConnPlugin> _opened = [];
    private readonly List<string> _folders = [];

    internal VirtualTime Time { get; } = new(Given.Start);

    internal TestNetwork Network { get; } = new();

    internal TestGraph Graph { get; } = new();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Disposal.AllAsync(_opened);
        _folders.ForEach(TestFolder.Delete);
    }

    /// <summary>A folder that is deleted after the plugins that use it are closed: on Windows it could not be deleted before.</summary>
    internal string NewFolder()
    {
        _folders.Add(Directory.CreateTempSubdirectory("ssb-conn-").FullName);
        return _folders[^1];
    }

    internal async Task<ConnPlugin> Open(ConnPluginOptions? options = null)
    {
        options ??= new ConnPluginOptions { Autostart = false };
        ConnPlugin conn = await ConnPlugin.OpenAsync(Network, options with
        {
            OwnFeedId = Given.FeedId(0),
            TimeProvider = Time,
            Scheduler = options.Scheduler with { Seed = options.Scheduler.Seed ?? 1 },
        });
        _opened.Add(conn);
        return conn;
    }

    /// <summary>Dials answer at once.</summary>
    internal void Reachable() => Network.Answer = static address => new TestConnection(address.FeedId ?? Given.FeedId(9_999), address);

    /// <summary>Dials fail at once.</summary>
    internal void Unreachable(string why = "connection refused") => Network.Answer = _ => throw new ConnectFailedException(why);

    internal void Seconds(double seconds) => Time.RunFor(TimeSpan.FromSeconds(seconds));

    internal static PeerData Data(string json) => PeerData.Parse(json);

    internal static PeerData Lan(bool verified = true) => new() { Type = "lan", Verified = verified };

    internal static PeerData OfType(string type) => new() { Type = type };
}

/// <summary>A social graph that a test fills.</summary>
internal sealed class TestGraph : ISocialGraph
{
    public Dictionary<FeedId, int> Hops { get; } = [];

    public bool IsLoaded { get; set; } = true;

    public int? HopsTo(FeedId feedId) => Hops.TryGetValue(feedId, out int hops) ? hops : null;
}

internal static class TaskExtensions
{
    /// <summary>A task whose outcome other means tell.</summary>
    public static void Forget(this Task task) => _ = task.ContinueWith(static t => _ = t.Exception, TaskScheduler.Default);
}
