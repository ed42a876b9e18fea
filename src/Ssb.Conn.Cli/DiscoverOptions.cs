using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli;

/// <summary>The options of <c>discover</c> as they were typed; null where one was not given.</summary>
internal sealed record DiscoverArguments
{
    public bool Json { get; init; }
    public string? Announce { get; init; }
    public string? Secret { get; init; }
    public string? Neighbours { get; init; }
    public string? Seed { get; init; }
    public string? Interface { get; init; }
    public string? NetworkKey { get; init; }
    public string? Duration { get; init; }
}

/// <summary>The options of <c>discover</c>, checked.</summary>
internal sealed record DiscoverOptions : IDisposable
{
    /// <summary>The most embedded neighbours.</summary>
    public const int MostNeighbours = 1_000;

    /// <summary>Line-JSON even on a terminal.</summary>
    public bool Json { get; init; }

    /// <summary>The address to announce, or null to listen only.</summary>
    public MultiserverAddress? Announce { get; init; }

    /// <summary>Whose address it is; there exactly when <see cref="Announce"/> is. Disposed with this.</summary>
    public KeyPair? Keys { get; init; }

    /// <summary>How many embedded peers; 0 for the real LAN.</summary>
    public int Neighbours { get; init; }

    /// <summary>Makes the neighbours the same in each run.</summary>
    public int? Seed { get; init; }

    /// <summary>The one network interface to use, or null for all.</summary>
    public string? Interface { get; init; }

    /// <summary>Which SSB network.</summary>
    public NetworkKey NetworkKey { get; init; } = NetworkKey.Main;

    /// <summary>When to stop by itself, or null.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>Checks what was typed.</summary>
    /// <param name="typed">What was typed.</param>
    /// <param name="interfaces">The interfaces that this computer has, for <c>--interface</c>.</param>
    /// <param name="options">The result.</param>
    /// <param name="error">What was wrong and what would have been right.</param>
    public static bool TryRead(
        DiscoverArguments typed,
        Func<IReadOnlyList<KnownInterface>> interfaces,
        [NotNullWhen(true)] out DiscoverOptions? options,
        [NotNullWhen(false)] out string? error)
    {
        options = null;
        KeyPair? keys = null;
        try
        {
            var read = new DiscoverOptions
            {
                Json = typed.Json,
                Neighbours = ReadNeighbours(typed),
                Seed = Typed.Seed(typed.Seed, typed.Neighbours),
                Interface = Typed.Interface(typed.Interface, interfaces),
                NetworkKey = Typed.NetworkKey(typed.NetworkKey),
                Duration = Typed.Duration("--duration", typed.Duration, "30s, 2m, 1h"),
                Announce = ReadAnnounce(typed, out keys),
                Keys = keys,
            };
            (options, error, keys) = (read, null, null);
            return true;
        }
        catch (FormatException e)
        {
            error = e.Message;
            return false;
        }
        finally
        {
            keys?.Dispose();
        }
    }

    public void Dispose() => Keys?.Dispose();

    private static int ReadNeighbours(DiscoverArguments typed)
    {
        if (typed.Neighbours is null)
            return 0;
        int count = Typed.Number("--neighbours", typed.Neighbours, 1, MostNeighbours, 5);
        string? clash = typed.Announce is not null ? "--announce"
            : typed.Secret is not null ? "--secret"
            : typed.Interface is not null ? "--interface"
            : typed.NetworkKey is not null ? "--network-key"
            : null;
        return clash is null ? count : throw Typed.Wrong(
            $"--neighbours together with {clash}",
            $"neighbours live on this computer, with a network key and a port of their own; leave out either --neighbours or {clash}");
    }

    private static MultiserverAddress? ReadAnnounce(DiscoverArguments typed, out KeyPair? keys)
    {
        keys = null;
        if (typed.Announce is null && typed.Secret is null)
            return null;
        if (typed.Secret is null)
            throw Typed.Wrong("--announce without --secret", "announcements are signed; add --secret FILE, the secret of the server at that address, such as ~/.ssb/secret");
        if (typed.Announce is null)
            throw Typed.Wrong("--secret without --announce", "it is needed only to announce; add --announce ADDRESS, or leave out --secret to listen only");

        MultiserverAddress address = ReadAddress(typed.Announce);
        keys = Typed.Secret("--secret", typed.Secret);
        foreach (FeedId? key in address.Routes.Select(route => route.FeedId).Distinct())
        {
            if (key == keys.Id)
                continue;
            string right = $"the secret is that of {keys.Id}, so a route to it ends in ~shs:{keys.Id.ToBase64()}";
            keys.Dispose();
            throw Typed.Wrong(
                "--announce and --secret",
                key is { } named ? $"the address names {Typed.QuotePublic(named.ToString())}, but {right}" : $"a route of the address names no key; {right}");
        }

        try
        {
            _ = LanDatagram.EncodeNormal(address, keys, NetworkKey.Main); // as long in every network; the legacy format is shorter
        }
        catch (ArgumentException)
        {
            keys.Dispose();
            throw Typed.Wrong("--announce", $"an address of {address.Text.Length:N0} characters does not fit into an announcement; leave out some of its routes");
        }

        return address;
    }

    private static MultiserverAddress ReadAddress(string typed)
    {
        MultiserverAddress address = Typed.Address("--announce", typed);
        return address.ToString() == address.Text ? address
            : throw Typed.Wrong("--announce", "the address holds what is not known to be public, such as the seed of an invite; it takes something like 'net:192.168.1.4:8008~shs:KEY'");
    }
}
