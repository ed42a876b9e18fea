namespace Ssb.Conn;

/// <summary>The calls of <see cref="ConnStaging"/> that take an address, for callers that have its text.</summary>
/// <remarks>Each reads the text and makes the call of the same name, whose documentation holds. A text that is not a valid address of at
/// most <see cref="StagingOptions.MaxAddressLength"/> characters is a <see cref="FormatException"/> and changes nothing; a closed bench is
/// an <see cref="ObjectDisposedException"/> before the text is looked at. The text of a peer that is staged is found as it is, and not read
/// again. The SSB URI of an address is read as that (<see cref="MultiserverAddress.ReadLenient"/>). Callers that use an address elsewhere should keep the <see cref="MultiserverAddress"/>.</remarks>
public static class ConnStagingText
{
    /// <inheritdoc cref="ConnStaging.Stage"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static bool Stage(this ConnStaging staging, string address, PeerData? data = null, string? source = null) =>
        staging.TryStageBy(Key(staging, address), data, source).Outcome == StageOutcome.Inserted;

    /// <inheritdoc cref="ConnStaging.TryStage"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static StageResult TryStage(this ConnStaging staging, string address, PeerData? data = null, string? source = null) =>
        staging.TryStageBy(Key(staging, address), data, source);

    /// <inheritdoc cref="ConnStaging.Unstage"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static bool Unstage(this ConnStaging staging, string address, UnstageReason reason = UnstageReason.Requested) =>
        staging.UnstageBy(Key(staging, address), reason);

    /// <inheritdoc cref="ConnStaging.Get"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static StagedPeer? Get(this ConnStaging staging, string address) => staging.GetBy(Key(staging, address));

    /// <inheritdoc cref="ConnStaging.Pin"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static bool Pin(this ConnStaging staging, string address) => staging.SetPin(Key(staging, address), isPinned: true);

    /// <inheritdoc cref="ConnStaging.Unpin"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static bool Unpin(this ConnStaging staging, string address) => staging.SetPin(Key(staging, address), isPinned: false);

    private static BenchKey Key(ConnStaging staging, string address)
    {
        ArgumentNullException.ThrowIfNull(staging);
        staging.CheckGiven(address);
        if (!address.StartsWith("ssb:", StringComparison.OrdinalIgnoreCase))
            return new BenchKey(address);
        staging.ThrowIfClosed();
        return new BenchKey(MultiserverAddress.ReadLenient(address, int.MaxValue).Text);
    }
}
