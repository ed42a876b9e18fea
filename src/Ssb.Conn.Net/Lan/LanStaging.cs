using System.Text.Json;

namespace Ssb.Conn.Net;

/// <summary>From the LAN to the bench: how an announcement is staged.</summary>
/// <remarks>
/// <para>The peer gets the type <c>lan</c>, <c>verified</c>, and the source <c>lan:INTERFACE/SENDER</c>, so that what one sender
/// stages answers to one share of the bench, and all senders of an interface to one group's. As in ssb-conn 6.0.4, but for what follows.</para>
/// <para>Weaker evidence does not touch what stands on stronger: an unsigned announcement of a peer that is verified is
/// ignored, and so is one from elsewhere (a relay, or a replay) of a peer that was announced by its own host, unless it is
/// the first that is signed. A peer that was staged as anything but <c>lan</c> is left alone by an announcement that is neither
/// signed nor its own host's, since as a LAN peer it would soon expire. Ignored means that it does not lengthen the peer's stay either.</para>
/// <para>A peer that nobody but others announced has the further field <c>senderMatches</c>: false. It becomes true, and so
/// stays, when the peer's own host announces it. Where the field is absent, the first announcement was the host's own.</para>
/// <para>A route to a unix socket, and one that does not say whom to expect, is left out, and does not lose the others.
/// <see cref="LanDiscovery"/> has left out
/// before what leads elsewhere (<see cref="LanOptions.AcceptAnyRoute"/>); who makes a <see cref="LanAnnouncement"/> answers for its
/// routes.</para>
/// </remarks>
public static class LanStaging
{
    /// <summary>The name of the JSON field that tells whether the peer's own host announced it.</summary>
    public const string SenderMatches = "senderMatches";

    private static readonly PeerData s_verified = new() { Type = "lan", Verified = true }, s_unverified = new() { Type = "lan", Verified = false };

    /// <summary>Was the peer announced only from elsewhere, and never by its own host?</summary>
    public static bool IsFromElsewhere(this StagedPeer peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        return peer.Data.TryGet(SenderMatches, out JsonElement value) && value.ValueKind == JsonValueKind.False;
    }

    /// <summary>Stages what was announced.</summary>
    /// <returns>What the bench did, or null if the announcement was ignored: as the weaker evidence, as longer than this bench takes, or
    /// because it has
    /// no route that could be staged.</returns>
    /// <exception cref="ObjectDisposedException">The bench is closed.</exception>
    public static StageResult? TryStage(this ConnStaging staging, LanAnnouncement announcement)
    {
        ArgumentNullException.ThrowIfNull(staging);
        ArgumentNullException.ThrowIfNull(announcement);
        return TryStage(staging, announcement, staging.TryStage);
    }

    /// <summary>The same through the manager, which has its own reasons to refuse a peer: it is blocked, dismissed or in the hub, or its source has its share.</summary>
    /// <exception cref="ObjectDisposedException">The manager is closed.</exception>
    public static StageResult? TryStage(this ConnPlugin plugin, LanAnnouncement announcement)
    {
        ArgumentNullException.ThrowIfNull(plugin);
        ArgumentNullException.ThrowIfNull(announcement);
        if (LanRoutes.Keep(announcement.Address, LanRoutes.IsForStrangers) is not null)
            return TryStage(plugin.Staging, announcement, plugin.TryStage);
        plugin.NoteRefused(announcement);
        return null;
    }

    /// <summary>Leaves word, for who asks why, of an announcement that is refused for its routes.</summary>
    internal static void NoteRefused(this ConnPlugin plugin, LanAnnouncement announcement) =>
        plugin.Note(PeerTarget.From(announcement.FeedId), "refused", LanRoutes.Problem, announcement.Address, SourceOf(announcement));

    private static string SourceOf(LanAnnouncement announcement) => $"lan:{announcement.Interface}/{announcement.Sender}";

    private static StageResult? TryStage(ConnStaging staging, LanAnnouncement announcement, Func<MultiserverAddress, PeerData?, string?, StageResult> stage)
    {
        if (LanRoutes.Keep(announcement.Address, LanRoutes.IsForStrangers) is not { } address)
            return null;

        // Between this look and the staging another source may change the peer; it then is as if that had come a moment later.
        StagedPeer? known = Find(staging, address);
        bool fromElsewhere = known is not null && known.IsFromElsewhere();
        if (known is not null && IsWeaker(announcement, known, fromElsewhere))
            return null;

        PeerData data = announcement.Verified ? s_verified : s_unverified;
        if (known is null && !announcement.SenderMatches)
            data = data.With(SenderMatches, false);
        else if (fromElsewhere && announcement.SenderMatches)
            data = data.With(SenderMatches, true);

        try
        {
            return stage(address, data, SourceOf(announcement));
        }
        catch (ArgumentException)
        {
            return null; // longer than the options of this bench allow: a stranger's doing, not the caller's mistake
        }
    }

    private static StagedPeer? Find(ConnStaging staging, MultiserverAddress address)
    {
        try
        {
            return staging.Get(address);
        }
        catch (ArgumentException)
        {
            return null; // as above
        }
    }

    private static bool IsWeaker(LanAnnouncement announcement, StagedPeer known, bool fromElsewhere)
    {
        bool verified = known.Verified == true;
        if (verified && !announcement.Verified)
            return true;

        // What anybody can send, or send again, must not turn a pub, say, into a LAN peer, which leaves after some seconds.
        if (known.Type != "lan")
            return !announcement.SenderMatches;

        bool firstSigned = announcement.Verified && !verified;
        return !fromElsewhere && !announcement.SenderMatches && !firstSigned;
    }
}
