namespace Ssb.Conn;

/// <summary>The calls of <see cref="ConnStaging"/> that take an address, for callers that have its text.</summary>
/// <remarks>Each reads the text and makes the call of the same name, whose documentation holds. A text that is not a valid address of at
/// most <see cref="StagingOptions.MaxAddressLength"/> characters is a <see cref="FormatException"/> and changes nothing; a closed bench is
/// an <see cref="ObjectDisposedException"/> before the text is looked at. Callers that use an address again should keep the
/// <see cref="MultiserverAddress"/>.</remarks>
public static class ConnStagingText
{
    /// <inheritdoc cref="ConnStaging.Stage"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static bool Stage(this ConnStaging staging, string address, PeerData? data = null, string? source = null) =>
        staging.Stage(Read(staging, address), data, source);

    /// <inheritdoc cref="ConnStaging.TryStage"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static StageResult TryStage(this ConnStaging staging, string address, PeerData? data = null, string? source = null) =>
        staging.TryStage(Read(staging, address), data, source);

    /// <inheritdoc cref="ConnStaging.Unstage"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static bool Unstage(this ConnStaging staging, string address, UnstageReason reason = UnstageReason.Requested) =>
        staging.Unstage(Read(staging, address), reason);

    /// <inheritdoc cref="ConnStaging.Get"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static StagedPeer? Get(this ConnStaging staging, string address) => staging.Get(Read(staging, address));

    /// <inheritdoc cref="ConnStaging.Pin"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static bool Pin(this ConnStaging staging, string address) => staging.Pin(Read(staging, address));

    /// <inheritdoc cref="ConnStaging.Unpin"/>
    /// <exception cref="FormatException">The text is not a valid address, or is too long.</exception>
    public static bool Unpin(this ConnStaging staging, string address) => staging.Unpin(Read(staging, address));

    private static MultiserverAddress Read(ConnStaging staging, string address)
    {
        ArgumentNullException.ThrowIfNull(staging);
        staging.ThrowIfClosed();
        return MultiserverAddress.Parse(address, staging.MaxAddressLength);
    }
}
