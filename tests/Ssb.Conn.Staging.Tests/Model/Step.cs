using System.Text.Json;
using CsCheck;

namespace Ssb.Conn.Staging.Tests.Model;

internal enum Call
{
    Stage,
    StageMany,
    Unstage,
    UnstageMany,
    Pin,
    Unpin,
    Advance,
    Get,
    RoutesTo,
}

/// <summary>The data of one call, as plain as can be; null means not given.</summary>
/// <param name="KeyNumber">The number of the key given.</param>
internal sealed record Told(string? Type, int? KeyNumber, bool? Verified, string? Field, string? Null)
{
    public PeerData ToData()
    {
        var data = new PeerData { Type = Type, Key = KeyNumber is { } key ? Given.FeedId(key) : null, Verified = Verified };
        if (Field is not null)
            data = data.With("field", JsonElement.Parse(Field));
        return Null is null ? data : data.With(Null, JsonElement.Parse("null"));
    }
}

/// <summary>One step of a program.</summary>
/// <param name="Peer">Which peer.</param>
/// <param name="Amount">How many peers from this one on, or how many milliseconds.</param>
internal sealed record Step(Call Call, int Peer, int Amount, Told Told, string? Source, UnstageReason Reason)
{
    private static readonly Gen<Told> s_told = Gen.Select(
        Gen.Frequency((4, "lan"), (2, "bt"), (1, "pub"), (3, (string?)null)),
        Gen.Frequency((1, 0), (1, 1), (8, (int?)null)),
        Gen.OneOf(true, false, (bool?)null),
        Gen.OneOf("1", "1e0", "null", "\"x\"", "[1,{\"a\":2}]", null),
        Gen.Frequency((1, "type"), (1, "key"), (1, "verified"), (1, "other"), (12, (string?)null)),
        (type, key, verified, field, nothing) => new Told(
            nothing == "type" ? null : type, nothing == "key" ? null : key, nothing == "verified" ? null : verified, field, nothing));

    private static readonly Gen<UnstageReason> s_reason =
        Gen.OneOf(UnstageReason.Requested, UnstageReason.Promoted, UnstageReason.Blocked, UnstageReason.Dismissed);

    public override string ToString() => $"{Call} {Peer} {Amount} {Told} {Source ?? "no source"} {Reason}";

    /// <summary>Programs over so many peers, one call at a time.</summary>
    public static Gen<Step[]> Programs(int peers, int length) => Gen.Select(
        Gen.Frequency((12, Call.Stage), (3, Call.Unstage), (2, Call.Pin), (2, Call.Unpin), (4, Call.Advance), (1, Call.Get), (1, Call.RoutesTo)),
        Gen.Int[0, peers - 1],
        Gen.OneOf(1, 999, 1_000, 1_001, 4_999, 5_000, 10_000, 30_000),
        s_told,
        Gen.OneOf("a", "b", "c", null),
        s_reason,
        (call, peer, amount, told, source, reason) => new Step(call, peer, amount, told, source, reason)).Array[1, length];

    /// <summary>Programs over many peers, many at a time, so that slots are compacted.</summary>
    public static Gen<Step[]> LargePrograms(int peers, int length) => Gen.Select(
        Gen.Frequency((6, Call.StageMany), (6, Call.UnstageMany), (1, Call.Pin), (1, Call.Unpin), (2, Call.Advance), (1, Call.RoutesTo)),
        Gen.Int[0, peers - 1],
        Gen.Int[1, peers],
        s_told,
        Gen.OneOf("a", "b", "c", null),
        s_reason,
        (call, peer, amount, told, source, reason) => new Step(call, peer, amount, told, source, reason)).Array[1, length];
}
