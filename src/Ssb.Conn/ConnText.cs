namespace Ssb.Conn;

/// <summary>The calls of the manager and its parts that take an address or a peer, for callers that have its text.</summary>
/// <remarks>Each reads the text and makes the call of the same name, whose documentation holds. Beside an address, the SSB URI that names one is read
/// (<see cref="MultiserverAddress.ReadLenient"/>), and for a target every spelling of a feed id, or its SSB URI (<see cref="PeerTarget"/>). A text that cannot be read, that
/// names nobody where something is decided about a peer, or that has
/// more than <see cref="MultiserverAddress.DefaultMaxLength"/> characters (4,096), is a <see cref="FormatException"/> and changes nothing;
/// a closed instance is an <see cref="ObjectDisposedException"/> before the text is looked at. For other lengths, parse a
/// <see cref="MultiserverAddress"/>; the bench takes those of up to <see cref="StagingOptions.MaxAddressLength"/> characters.</remarks>
public static class ConnText
{
    /// <inheritdoc cref="ConnPlugin.Stage"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static bool Stage(this ConnPlugin conn, string address, PeerData? data = null, string? source = null) =>
        conn.Stage(Read(conn, address), data, source);

    /// <inheritdoc cref="ConnPlugin.TryStage"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static StageResult TryStage(this ConnPlugin conn, string address, PeerData? data = null, string? source = null) =>
        conn.TryStage(Read(conn, address), data, source);

    /// <inheritdoc cref="ConnPlugin.Unstage"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static bool Unstage(this ConnPlugin conn, string address) => conn.Unstage(Read(conn, address));

    /// <inheritdoc cref="ConnPlugin.Remember"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static void Remember(this ConnPlugin conn, string address, PeerData? data = null, string? source = null) =>
        conn.Remember(Read(conn, address), data, source);

    /// <inheritdoc cref="ConnPlugin.Forget"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static void Forget(this ConnPlugin conn, string address) => conn.Forget(Read(conn, address));

    /// <inheritdoc cref="ConnPlugin.ConnectAsync(MultiserverAddress, PeerData?, CancellationToken)"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static Task<IPeerConnection> ConnectAsync(
        this ConnPlugin conn, string address, PeerData? data = null, CancellationToken cancellationToken = default) =>
        conn.ConnectAsync(Read(conn, address), data, cancellationToken);

    /// <inheritdoc cref="ConnPlugin.DisconnectAsync"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static Task<bool> DisconnectAsync(this ConnPlugin conn, string address) => conn.DisconnectAsync(Read(conn, address));

    /// <inheritdoc cref="ConnPlugin.Dismiss"/>
    /// <exception cref="FormatException">The text is neither a feed id nor a valid address, or names nobody.</exception>
    public static void Dismiss(this ConnPlugin conn, string target, DateTimeOffset? until = null) => conn.Dismiss(ReadTarget(conn, target), until);

    /// <inheritdoc cref="ConnPlugin.Snooze"/>
    /// <exception cref="FormatException">The text is neither a feed id nor a valid address, or names nobody.</exception>
    public static void Snooze(this ConnPlugin conn, string target, TimeSpan duration) => conn.Snooze(ReadTarget(conn, target), duration);

    /// <inheritdoc cref="ConnPlugin.Block"/>
    /// <exception cref="FormatException">The text is neither a feed id nor a valid address, or names nobody.</exception>
    public static void Block(this ConnPlugin conn, string target, DateTimeOffset? until = null) => conn.Block(ReadTarget(conn, target), until);

    /// <inheritdoc cref="ConnPlugin.Undo"/>
    /// <exception cref="FormatException">The text is neither a feed id nor a valid address.</exception>
    public static bool Undo(this ConnPlugin conn, string target) => conn.Undo(ReadAny(conn, target)); // a file of rules may have one about nobody

    /// <inheritdoc cref="ConnPlugin.Why"/>
    /// <exception cref="FormatException">The text is neither a feed id nor a valid address.</exception>
    public static WhyReport Why(this ConnPlugin conn, string target) => conn.Why(ReadAny(conn, target)); // it says of every address whether it can be dialled

    /// <inheritdoc cref="ConnDb.Set"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static bool Set(this ConnDb db, string address, PeerData? data = null) => db.Set(Read(db, address), data);

    /// <inheritdoc cref="ConnDb.Replace"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static bool Replace(this ConnDb db, string address, PeerData data) => db.Replace(Read(db, address), data);

    /// <inheritdoc cref="ConnDb.Update(MultiserverAddress, PeerData)"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static bool Update(this ConnDb db, string address, PeerData data) => db.Update(Read(db, address), data);

    /// <inheritdoc cref="ConnDb.Get"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static PeerData? Get(this ConnDb db, string address) => db.Get(Read(db, address));

    /// <inheritdoc cref="ConnDb.Has"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static bool Has(this ConnDb db, string address) => db.Has(Read(db, address));

    /// <inheritdoc cref="ConnDb.Delete"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static bool Delete(this ConnDb db, string address) => db.Delete(Read(db, address));

    /// <inheritdoc cref="ConnHub.ConnectAsync(MultiserverAddress, PeerData?, string, CancellationToken)"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static Task<IPeerConnection> ConnectAsync(
        this ConnHub hub, string address, PeerData? data = null, string reason = ConnReason.Requested, CancellationToken cancellationToken = default) =>
        hub.ConnectAsync(Read(hub, address), data, reason, cancellationToken);

    /// <inheritdoc cref="ConnHub.DisconnectAsync"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static Task<bool> DisconnectAsync(this ConnHub hub, string address, string reason = ConnReason.Requested) =>
        hub.DisconnectAsync(Read(hub, address), reason);

    /// <inheritdoc cref="ConnHub.Update"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static bool Update(this ConnHub hub, string address, PeerData data) => hub.Update(Read(hub, address), data);

    /// <inheritdoc cref="ConnHub.GetState"/>
    /// <exception cref="FormatException">The text is not a valid address.</exception>
    public static HubState? GetState(this ConnHub hub, string address) => hub.GetState(Read(hub, address));

    private static MultiserverAddress Read(ConnPlugin conn, string address)
    {
        ArgumentNullException.ThrowIfNull(conn);
        conn.ThrowIfClosed();
        return MultiserverAddress.ReadLenient(address);
    }

    private static PeerTarget ReadTarget(ConnPlugin conn, string target)
    {
        ArgumentNullException.ThrowIfNull(conn);
        conn.ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(target);
        return PeerTarget.Parse(target);
    }

    // Of an address that names nobody, too.
    private static PeerTarget ReadAny(ConnPlugin conn, string target)
    {
        ArgumentNullException.ThrowIfNull(conn);
        conn.ThrowIfClosed();
        ArgumentNullException.ThrowIfNull(target);
        return PeerTarget.TryParse(target, out PeerTarget named) ? named
            : MultiserverAddress.TryParse(target, out MultiserverAddress? address) ? PeerTarget.From(address)
            : PeerTarget.Parse(target);
    }

    private static MultiserverAddress Read(ConnDb db, string address)
    {
        ArgumentNullException.ThrowIfNull(db);
        db.ThrowIfClosed();
        return MultiserverAddress.ReadLenient(address);
    }

    private static MultiserverAddress Read(ConnHub hub, string address)
    {
        ArgumentNullException.ThrowIfNull(hub);
        hub.ThrowIfClosed();
        return MultiserverAddress.ReadLenient(address);
    }
}
